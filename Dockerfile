# darkroom with all its environments, for a laptop or (through Apptainer) a cluster.
#   docker build --tag darkroom .
#   docker run --rm --volume "$PWD/campaign:/campaign" darkroom --config campaign=mine.yaml
FROM python:3.13.9-slim-trixie

# make builds the environments; the compiled kernels and calwf3's files need nothing more
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make=4.4.* \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /darkroom
# The pins first: an edit of a rule or a program does not build the environments again.
COPY Makefile ./
COPY envs/ envs/
RUN make setup setup-slurm && rm -rf .uv .cache
COPY . .

# Kernels are compiled at their first use, by whoever runs: their cache must be open to all.
RUN mkdir -p .cache && chmod 1777 .cache
WORKDIR /campaign
ENTRYPOINT ["/darkroom/.venv/bin/python", "-m", "snakemake", "--snakefile", "/darkroom/Snakefile"]
CMD ["--help"]
