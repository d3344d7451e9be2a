"""The report: one self-contained HTML page for a campaign."""
