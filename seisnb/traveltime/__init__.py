"""Travel times of first arrivals: wavefronts (network or grid), their rays, and referees."""
