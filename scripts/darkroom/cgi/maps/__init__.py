"""Noise maps of the CGI detector: fixed pattern, clock-induced charge, dark current."""
