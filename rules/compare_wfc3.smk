# A WFC3/IR dark or flat against the one in use, on the exposures of an item. No product depends on it.


rule wfc3_counterfactual:
    """Is a new dark or flat better than the one in use? Exposures are calibrated with both."""
    input:
        unpack(
            lambda wildcards: PIPELINES["wfc3"].compare_inputs(wildcards.item, wildcards.product)
        ),
        cache=ancient(f"{RESULTS}/crds/hst.tsv"),
    output:
        f"{RESULTS}/{{item}}/judge/counterfactual_{{product}}.json",
    log:
        f"{RESULTS}/logs/wfc3_counterfactual/{{item}}_{{product}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/wfc3_counterfactual/{{item}}_{{product}}.tsv"
    wildcard_constraints:
        item=PLAN.only_items_of("wfc3"),
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: PIPELINES["wfc3"].ramp_memory(wildcards.item, attempt),
    params:
        settings=lambda wildcards, output: PIPELINES["wfc3"].compare_options(
            wildcards.item, wildcards.product
        ),
        code=program.digest("detector", "wfc3/counterfactual"),
    message:
        "Comparing a new {wildcards.product} with that in use, on the exposures of {wildcards.item}"
    shell:
        program("detector", "wfc3/counterfactual") + "--candidate {input.candidate:q} "
        "{params.settings} --output {output:q} -- {input.exposures:q} > {log:q} 2>&1"
