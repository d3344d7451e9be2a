"""The report of a campaign: HTML pages and pictures in one folder."""
