# NIRCam products over epochs: states of this campaign, trends of their series, products of all.


rule nircam_state:
    """Make the state of a product: sums that later epochs are added to."""
    input:
        unpack(lambda wildcards: nircam.series_inputs(wildcards.item, wildcards.product)),
    output:
        state=f"{RESULTS}/{{item}}/{{product}}_state.fits",
    log:
        f"{RESULTS}/logs/nircam_state/{{item}}-{{product}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/nircam_state/{{item}}-{{product}}.tsv"
    wildcard_constraints:
        product="superbias|readnoise|dark",
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards, input: nircam.state_options(
            wildcards.item, wildcards.product, input
        ),
        code=program.digest("detector", "nircam/state"),
    message:
        "Making the state of the {wildcards.product} of {wildcards.item}"
    shell:
        program("detector", "nircam/state") + "{wildcards.product:q} --keep "
        "--output {output.state:q} {params.settings} @{input.ramps:q} > {log:q} 2>&1"


rule nircam_series:
    """Make the product of all epochs of a series, from their states."""
    input:
        unpack(lambda wildcards: nircam.all_states(wildcards.item, wildcards.product)),
    output:
        product=f"{RESULTS}/{{item}}/{{product}}_series.fits",
    log:
        f"{RESULTS}/logs/nircam_series/{{item}}-{{product}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/nircam_series/{{item}}-{{product}}.tsv"
    wildcard_constraints:
        product="superbias|readnoise|dark",
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards, input: nircam.withdrawn_options(input),
        code=program.digest("detector", "report/epochs"),
    message:
        "Making the {wildcards.product} of all epochs of {wildcards.item}"
    shell:
        program("detector", "report/epochs") + "product {input.states:q} {params.settings} "
        "--output {output.product:q} > {log:q} 2>&1"


rule nircam_trends:
    """Say what changed over the epochs of an item's series."""
    input:
        unpack(lambda wildcards: nircam.trend_inputs(wildcards.item)),
    output:
        trends=f"{RESULTS}/{{item}}/trends.json",
    log:
        f"{RESULTS}/logs/nircam_trends/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/nircam_trends/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards: nircam.trend_options(wildcards.item),
        code=program.digest("detector", "report/trends"),
    message:
        "Comparing {wildcards.item} with the earlier epochs"
    shell:
        program("detector", "report/trends") + "{params.settings} --output {output.trends:q} "
        "> {log:q} 2>&1"
