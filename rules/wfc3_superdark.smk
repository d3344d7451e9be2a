# WFC3/IR superdarks: the dark current of each read, for each sample sequence and subarray.


rule superdark:
    """Combine darks of one sample sequence: the dark current of each read."""
    input:
        darks=f"{RESULTS}/{{item}}/statuses.list",
        chosen=f"{RESULTS}/{{item}}/references.list",
        frames=f"{RESULTS}/{{item}}/frames.tsv",
        # Only the darks' own references trigger a rerun; the cache need only be filled.
        cache=ancient(f"{RESULTS}/crds/hst.tsv"),
    output:
        reference=f"{RESULTS}/{{item}}/superdark.fits",
        details=f"{RESULTS}/{{item}}/superdark_details.fits",
        quantities=f"{RESULTS}/{{item}}/superdark.json",
    log:
        f"{RESULTS}/logs/superdark/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/superdark/{{item}}.tsv"
    wildcard_constraints:
        item="|".join(wfc3.superdarks) or "(?!)",
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: wfc3.superdark_memory(wildcards.item, attempt),
    params:
        settings=lambda wildcards: wfc3.superdark_options(wildcards.item),
        place=lambda wildcards, output: wfc3.place(),
        code=program.digest("detector", "wfc3/superdark"),
    message:
        "Making the superdark of {wildcards.item}"
    shell:
        program("detector", "wfc3/superdark") + "{params.place} {params.settings} "
        "--threads {threads} --frames {input.frames:q} --chosen @{input.chosen:q} "
        "--output {output.reference:q} --details {output.details:q} "
        "--quantities {output.quantities:q} -- @{input.darks:q} > {log:q} 2>&1"


rule superdark_set:
    """Compare the superdarks of the campaign with the rows of the CRDS rules."""
    input:
        numbers=lambda wildcards: wfc3.superdark_numbers(),
    output:
        table=f"{RESULTS}/superdark_set.tsv",
    log:
        f"{RESULTS}/logs/superdark_set.log",
    localrule: True
    conda:
        "../envs/detector.yaml"
    params:
        place=lambda wildcards, output: wfc3.place(),
        code=program.digest("detector", "wfc3/superdark_set"),
    message:
        "Comparing the superdarks with the rules of CRDS"
    shell:
        program("detector", "wfc3/superdark_set")
        + "{params.place} --output {output.table:q} {input.numbers:q} > {log:q} 2>&1"


rule superdark_figures:
    """Draw the figures of a superdark, and describe it for the report."""
    input:
        reference=f"{RESULTS}/{{item}}/superdark.fits",
        details=f"{RESULTS}/{{item}}/superdark_details.fits",
        quantities=f"{RESULTS}/{{item}}/superdark.json",
        table=f"{RESULTS}/superdark_set.tsv",
    output:
        item=f"{RESULTS}/{{item}}/item.json",
        figures=directory(f"{RESULTS}/{{item}}/figures"),
    log:
        f"{RESULTS}/logs/superdark_figures/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/superdark_figures/{{item}}.tsv"
    wildcard_constraints:
        item="|".join(wfc3.superdarks) or "(?!)",
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        more=lambda wildcards: wfc3.superdark_truth(wildcards.item),
        code=program.digest("detector", "wfc3/superdark_figures"),
    message:
        "Drawing the figures of {wildcards.item}"
    shell:
        program("detector", "wfc3/superdark_figures")
        + "--figures {output.figures:q} --output {output.item:q} --details {input.details:q} "
        "--quantities {input.quantities:q} --set {input.table:q} {params.more} "
        "{input.reference:q} > {log:q} 2>&1"


rule certify_superdark:
    """Certify a superdark with CRDS, and tell which file it would replace."""
    input:
        reference=f"{RESULTS}/{{item}}/superdark.fits",
        cache=ancient(f"{RESULTS}/crds/hst.tsv"),
    output:
        said=f"{RESULTS}/{{item}}/superdark.certified",
        rules=f"{RESULTS}/{{item}}/superdark_rules.json",
    log:
        f"{RESULTS}/logs/certify_superdark/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/certify_superdark/{{item}}.tsv"
    wildcard_constraints:
        item="|".join(wfc3.superdarks) or "(?!)",
    conda:
        "../envs/jwst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards: REFERENCES.context_option("hst"),
        place=lambda wildcards, output: REFERENCES.place("hst"),
        simulated="--simulated" if PLAN.simulated else "",
        code=program.digest("jwst", "references/certify"),
    message:
        "Certifying the superdark of {wildcards.item} with CRDS"
    shell:
        program("jwst", "references/certify")
        + "{params.place} {params.settings} {params.simulated} --observatory hst "
        "--output {output.said:q} --rules {output.rules:q} {input.reference:q} > {log:q} 2>&1"
