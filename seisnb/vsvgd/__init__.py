"""The published neural method, faithfully: two networks per particle and velocity-space SVGD."""
