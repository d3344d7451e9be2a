# Superbiases over epochs: the state of this campaign, the trends of its series, their product.


rule superbias_state:
    """Make the state of a superbias: sums that later epochs are added to."""
    input:
        unpack(lambda wildcards: nircam.series_template(wildcards.item)),
        ramps=f"{RESULTS}/{{item}}/superbias_ramps.list",
    output:
        state=f"{RESULTS}/{{item}}/superbias_state.fits",
    log:
        f"{RESULTS}/logs/superbias_state/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/superbias_state/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards, input: nircam.state_options(input),
        code=program.digest("detector", "nircam/superbias_state"),
    message:
        "Making the state of the superbias of {wildcards.item}"
    shell:
        program("detector", "nircam/superbias_state")
        + "--keep --output {output.state:q} {params.settings} @{input.ramps:q} > {log:q} 2>&1"


rule superbias_trends:
    """Say what changed over the epochs of a series, and make the product of all of them."""
    input:
        states=lambda wildcards: nircam.earlier_states(wildcards.item),
        state=f"{RESULTS}/{{item}}/superbias_state.fits",
    output:
        trends=f"{RESULTS}/{{item}}/superbias_trends.json",
        product=f"{RESULTS}/{{item}}/superbias_series.fits",
    log:
        f"{RESULTS}/logs/superbias_trends/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/superbias_trends/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards: nircam.trend_options(wildcards.item),
        code=program.digest("detector", "report/trends"),
    message:
        "Comparing the superbias of {wildcards.item} with the earlier epochs"
    shell:
        program("detector", "report/trends") + "{params.settings} --output {output.trends:q} "
        "--product {output.product:q} {input.state:q} > {log:q} 2>&1"
