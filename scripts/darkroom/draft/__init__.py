"""From a folder of exposures to a campaign: what is there, what it can make, and the YAML file."""
