# Products over epochs: states of this campaign, trends of their series, products of all epochs.
STATES = "superbias|readnoise|dark|bias|spectrum|gain|noise_maps"


for instrument in pipelines.with_series(PIPELINES):

    rule:
        name:
            f"state_{instrument}"
        input:
            unpack(
                lambda wildcards: series_of(wildcards.item).series_inputs(
                    wildcards.item, wildcards.product
                )
            ),
        output:
            f"{RESULTS}/{{item}}/{{product}}_state{{epoch}}.fits",
        log:
            f"{RESULTS}/logs/state_{instrument}/{{item}}_{{product}}{{epoch}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/state_{instrument}/{{item}}_{{product}}{{epoch}}.tsv"
        wildcard_constraints:
            item=PLAN.only_items_of(instrument),
            product=STATES,
            epoch=r"(\.\d+)?",
        conda:
            "../envs/detector.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 1500 * attempt,
        params:
            place=program_of(instrument, "state"),
            settings=lambda wildcards, input: series_of(wildcards.item).options_of_epoch(
                wildcards.item, wildcards.product, wildcards.epoch, input
            ),
            code=program.digest("detector", f"{instrument}/state"),
        message:
            "Making the state of the {wildcards.product} of {wildcards.item}{wildcards.epoch}"
        shell:
            "{params.place} {wildcards.product:q} --output {output:q} {params.settings} "
            "@{input.frames:q} > {log:q} 2>&1"


rule series_product:
    """Make the product of all epochs of a series, or of its current segment, from their states."""
    input:
        unpack(
            lambda wildcards: series_of(wildcards.item).all_states(
                wildcards.item, wildcards.product
            )
        ),
    output:
        product=f"{RESULTS}/{{item}}/{{product}}_series.fits",
    log:
        f"{RESULTS}/logs/series_product/{{item}}-{{product}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/series_product/{{item}}-{{product}}.tsv"
    wildcard_constraints:
        product=STATES.replace("|spectrum", ""),
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards, input: series_of(wildcards.item).segment_options(
            input, wildcards.product
        ),
        code=program.digest("detector", "report/epochs"),
    message:
        "Making the {wildcards.product} of the epochs of {wildcards.item}"
    shell:
        program("detector", "report/epochs") + "product {input.states:q} {params.settings} "
        "--output {output.product:q} > {log:q} 2>&1"


rule trends:
    """Say what changed over the epochs of an item's series."""
    input:
        unpack(lambda wildcards: series_of(wildcards.item).trend_inputs(wildcards.item)),
    output:
        trends=f"{RESULTS}/{{item}}/trends.json",
    log:
        f"{RESULTS}/logs/trends/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trends/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards: series_of(wildcards.item).trend_options(wildcards.item),
        code=program.digest("detector", "report/trends"),
    message:
        "Comparing {wildcards.item} with the earlier epochs"
    shell:
        program("detector", "report/trends") + "{params.settings} --output {output.trends:q} "
        "> {log:q} 2>&1"
