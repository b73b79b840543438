"""Travel times of first arrivals: wavefronts (network or grid), the rays they draw, and referees."""
