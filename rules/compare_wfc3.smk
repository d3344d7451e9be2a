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
        item="|".join(PIPELINES["wfc3"].visits) or "(?!)",
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
        "{params.settings} --output {output:q} -- @{input.exposures:q} > {log:q} 2>&1"


rule superdark_counterfactual:
    """Take the comparison of a superdark from the visit on which it was made."""
    input:
        lambda wildcards: PIPELINES["wfc3"].compared_superdark(wildcards.item),
    output:
        f"{RESULTS}/{{item}}/judge/counterfactual_superdark.json",
    log:
        f"{RESULTS}/logs/superdark_counterfactual/{{item}}.log",
    wildcard_constraints:
        item="|".join(PIPELINES["wfc3"].superdarks) or "(?!)",
    localrule: True
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    message:
        "Taking the comparison of the superdark of {wildcards.item}"
    shell:
        "cp -- {input:q} {output:q} > {log:q} 2>&1"


rule superdark_insertion:
    """What would the superdark change among the rules of CRDS? Nothing is sent."""
    input:
        unpack(lambda wildcards: PIPELINES["wfc3"].insertion_inputs(wildcards.item)),
        reference=f"{RESULTS}/{{item}}/superdark.fits",
        cache=ancient(f"{RESULTS}/crds/hst.tsv"),
    output:
        found=f"{RESULTS}/{{item}}/judge/insertion_superdark.json",
        difference=f"{RESULTS}/{{item}}/judge/insertion_superdark.diff",
    log:
        f"{RESULTS}/logs/superdark_insertion/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/superdark_insertion/{{item}}.tsv"
    wildcard_constraints:
        item="|".join(PIPELINES["wfc3"].superdarks) or "(?!)",
    conda:
        "../envs/jwst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: PIPELINES["wfc3"].insertion_options(wildcards.item),
        name=lambda wildcards: REFERENCES.context_option("hst"),
        place=lambda wildcards, output: REFERENCES.place("hst"),
        code=program.digest("jwst", "delivery/insertion"),
    message:
        "Inserting the superdark of {wildcards.item} into the rules, in memory"
    shell:
        program("jwst", "delivery/insertion") + "--product superdark --observatory hst "
        "--reference {input.reference:q} {params.place} {params.name} {params.settings} "
        "--output {output.found:q} --difference {output.difference:q} -- @{input.exposures:q} "
        "> {log:q} 2>&1"
