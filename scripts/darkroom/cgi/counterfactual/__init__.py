"""Noise maps of CGI against those in use, on dark frames of which neither was made."""
