# darkroom with all its environments, for a laptop or (through Apptainer) a cluster.
#   docker build --tag darkroom .
#   docker run --rm --user "$(id -u):$(id -g)" --env HOME=/campaign \
#     --volume "$PWD/campaign:/campaign" darkroom --config campaign=mine.yaml
FROM python:3.13.9-slim-trixie@sha256:326df678c20c78d465db501563f3492d17c42a4afe33a1f2bf5406a1d56b0e86

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

# An ordinary user. Kernels are compiled at their first use into a cache that nobody else can write:
# what lies there is loaded as code. Whoever runs as somebody else has one of their own, below HOME.
RUN useradd --uid 1000 --create-home darkroom && mkdir -p .cache /campaign \
    && chown darkroom:darkroom .cache /campaign && chmod 700 .cache
USER 1000
WORKDIR /campaign
ENTRYPOINT ["/darkroom/.venv/bin/python", "-m", "snakemake", "--snakefile", "/darkroom/Snakefile"]
CMD ["--help"]
