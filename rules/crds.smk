# Best references of every exposure, and one verified CRDS cache that holds them.


wildcard_constraints:
    observatory="hst|jwst",


rule crds_context:
    """Fetch and verify the CRDS mappings (selection rules) of the pinned context."""
    input:
        source=lambda wildcards: REFERENCES.source(wildcards.observatory),
    output:
        mappings=f"{RESULTS}/crds/{{observatory}}.mappings",
    log:
        f"{RESULTS}/logs/crds_context/{{observatory}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/crds_context/{{observatory}}.tsv"
    localrule: True
    conda:
        "../envs/jwst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: REFERENCES.context_options(wildcards.observatory),
        # Where files are changes no product: Snakemake does not compare a parameter that takes `output`.
        place=lambda wildcards, output: REFERENCES.place(wildcards.observatory, asking=True),
        code=program.digest("jwst", "references/context"),
    message:
        "Verifying the CRDS mappings of {wildcards.observatory}"
    shell:
        program("jwst", "references/context") + "{params.place} {params.settings} "
        "--output {output.mappings:q} > {log:q} 2>&1"


rule bestrefs:
    """Choose the best references of each exposure of a batch."""
    input:
        exposures=f"{RESULTS}/{{item}}/batches/raw/{{batch}}.list",
        refusals=f"{RESULTS}/{{item}}/refusals.list",
        mappings=lambda wildcards: REFERENCES.mappings(wildcards.item),
    output:
        list=f"{RESULTS}/{{item}}/batches/references/{{batch}}.list",
    log:
        f"{RESULTS}/logs/bestrefs/{{item}}/{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/bestrefs/{{item}}/{{batch}}.tsv"
    conda:
        "../envs/jwst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: REFERENCES.bestrefs_options(wildcards.item),
        code=program.digest("jwst", "references/bestrefs"),
        place=lambda wildcards, output: REFERENCES.place_of(wildcards.item),
        batch=lambda wildcards, output: BATCHES.step(
            REFERENCES.bestrefs_options(wildcards.item),
            program.digest("jwst", "references/bestrefs"),
            shared=REFERENCES.mappings(wildcards.item),
        ),
        names=lambda wildcards, output: BATCHES.names(wildcards.item, wildcards.batch),
        files=lambda wildcards, output: BATCHES.files(
            wildcards.item,
            wildcards.batch,
            f"raw/{wildcards.item}/{{}}.json",
            refusal="refusals/{}.txt",
            output="references/{}.json",
        ),
    message:
        "Choosing the references of {wildcards.item}, batch {wildcards.batch}"
    shell:
        program("jwst", "references/bestrefs")
        + "{params.place} {params.settings} {params.batch} --names {params.names:q} "
        "--made {output.list:q} {params.files} > {log:q} 2>&1"


rule item_references:
    """List the references that an item's exposures need, each once."""
    input:
        list=f"{RESULTS}/{{item}}/references.list",
    output:
        needed=f"{RESULTS}/{{item}}/references.json",
    log:
        f"{RESULTS}/logs/item_references/{{item}}.log",
    localrule: True
    conda:
        "../envs/jwst.yaml"
    params:
        code=program.digest("jwst", "references/item_references"),
    message:
        "Listing the references of {wildcards.item}"
    shell:
        program("jwst", "references/item_references")
        + "--output {output.needed:q} @{input.list:q} > {log:q} 2>&1"


rule crds_sync:
    """Fetch every reference that is needed into the CRDS cache, and verify each file."""
    input:
        # By item, not by exposure: Snakemake compares every waiting job with each of these inputs.
        references=lambda wildcards: REFERENCES.of_items(wildcards.observatory),
    output:
        table=f"{RESULTS}/crds/{{observatory}}.tsv",
    log:
        f"{RESULTS}/logs/crds_sync/{{observatory}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/crds_sync/{{observatory}}.tsv"
    localrule: True
    conda:
        "../envs/jwst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: REFERENCES.context_option(wildcards.observatory),
        place=lambda wildcards, output: REFERENCES.place(wildcards.observatory, asking=True),
        pins=lambda wildcards, output: REFERENCES.pins_option(),
        code=program.digest("jwst", "references/sync"),
    message:
        "Filling and verifying the CRDS cache of {wildcards.observatory}"
    shell:
        program("jwst", "references/sync") + "{params.place} {params.settings} {params.pins} "
        "--output {output.table:q} {input.references:q} > {log:q} 2>&1"
