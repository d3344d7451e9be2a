"""What the workflow needs around its programs: commands, digests, Slurm, summaries."""
