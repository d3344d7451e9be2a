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
    """Choose the best references of an exposure."""
    input:
        refusal=f"{RESULTS}/{{item}}/refusals/{{exposure}}.txt",
        exposure=f"{RESULTS}/raw/{{item}}/{{exposure}}.json",
        mappings=lambda wildcards: REFERENCES.mappings(wildcards.item),
    output:
        references=f"{RESULTS}/{{item}}/references/{{exposure}}.json",
    log:
        f"{RESULTS}/logs/bestrefs/{{item}}/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/bestrefs/{{item}}/{{exposure}}.tsv"
    priority: 7
    conda:
        "../envs/jwst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: REFERENCES.bestrefs_options(wildcards.item),
        place=lambda wildcards, output: REFERENCES.place_of(wildcards.item),
        code=program.digest("jwst", "references/bestrefs"),
        batch=lambda wildcards, input, output: BATCHES.step(
            wildcards.item,
            [input.exposure, input.refusal],
            [output.references],
            REFERENCES.bestrefs_options(wildcards.item),
            program.digest("jwst", "references/bestrefs"),
            shared=[input.mappings],
        ),
    message:
        "Choosing the references of {wildcards.item}/{wildcards.exposure}"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program("jwst", "references/bestrefs")
        + "{params.place} {params.settings} {params.batch.options} "
        "--refusal {input.refusal:q} --output {output.references:q} {input.exposure:q} > {log:q} 2>&1"


rule item_references:
    """List the references that an item's exposures need, each once."""
    input:
        references=lambda wildcards: REFERENCES.of_exposures(wildcards.item),
    output:
        list=f"{RESULTS}/{{item}}/references.list",
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
        r"printf '%s\n' {input.references:q} > {output.list:q} && "
        + program("jwst", "references/item_references")
        + "--output {output.needed:q} @{output.list:q} > {log:q} 2>&1"


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
