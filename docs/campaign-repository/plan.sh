#!/bin/sh
# Plan the campaign: every job from the campaign and its lock alone, without data or network.
# DARKROOM names the folder of darkroom where it is not darkroom/ here.
set -eu
cd "$(dirname "$0")"
darkroom=${DARKROOM:-darkroom}
exec "$darkroom/.venv/bin/python" -m snakemake --snakefile "$darkroom/Snakefile" \
    --dry-run --quiet rules --config campaign=campaign.yaml "$@"
