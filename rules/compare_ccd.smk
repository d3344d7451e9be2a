# CCD products against those of a previous night. No product depends on it.


rule held_out_frames:
    """Set frames of an item apart, on which its products are compared."""
    input:
        frames=f"{RESULTS}/{{item}}/{{role}}.list",
    output:
        others=f"{RESULTS}/{{item}}/judge/trial{{fold}}_{{role}}.list",
        held_out=f"{RESULTS}/{{item}}/judge/held_out{{fold}}_{{role}}.list",
    log:
        f"{RESULTS}/logs/held_out_frames/{{item}}{{fold}}_{{role}}.log",
    wildcard_constraints:
        item=PLAN.only_items_of("ccd"),
        role="bias|dark",
    localrule: True
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        without=lambda wildcards: PIPELINES["ccd"].folds(wildcards.item, wildcards.role)[
            wildcards.fold
        ],
        code=program.digest("detector", "delivery/without"),
    message:
        "Holding out {wildcards.role} frames of {wildcards.item}"
    shell:
        program("detector", "delivery/without") + "--output {output.others:q} "
        "--left-out {output.held_out:q} {input.frames:q} --without {params.without:q} > {log:q} 2>&1"


use rule master_bias as trial_master_bias with:
    input:
        bias=f"{RESULTS}/{{item}}/judge/trial{{fold}}_bias.list",
    output:
        f"{RESULTS}/{{item}}/judge/trial{{fold}}_master_bias.fits",
    log:
        f"{RESULTS}/logs/trial_master_bias/{{item}}{{fold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trial_master_bias/{{item}}{{fold}}.tsv"
    message:
        "Combining the bias frames of {wildcards.item} without those held out"


use rule read_noise as trial_read_noise with:
    input:
        bias=f"{RESULTS}/{{item}}/judge/trial{{fold}}_bias.list",
    output:
        f"{RESULTS}/{{item}}/judge/trial{{fold}}_read_noise.fits",
    log:
        f"{RESULTS}/logs/trial_read_noise/{{item}}{{fold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trial_read_noise/{{item}}{{fold}}.tsv"
    message:
        "Measuring the read noise of {wildcards.item} without the frames held out"


use rule dark_rate as trial_dark_rate with:
    input:
        bias=f"{RESULTS}/{{item}}/bias.list",
        dark=f"{RESULTS}/{{item}}/judge/trial{{fold}}_dark.list",
    output:
        f"{RESULTS}/{{item}}/judge/trial{{fold}}_dark_rate.fits",
    log:
        f"{RESULTS}/logs/trial_dark_rate/{{item}}{{fold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trial_dark_rate/{{item}}{{fold}}.tsv"
    message:
        "Fitting the dark rate of {wildcards.item} without the darks held out"


rule ccd_counterfactual:
    """Is the new product better than that of the previous night?"""
    input:
        unpack(lambda wildcards: PIPELINES["ccd"].comparison(wildcards.item, wildcards.product)),
    output:
        f"{RESULTS}/{{item}}/judge/counterfactual_{{product}}.json",
    log:
        f"{RESULTS}/logs/ccd_counterfactual/{{item}}_{{product}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ccd_counterfactual/{{item}}_{{product}}.tsv"
    wildcard_constraints:
        item=PLAN.only_items_of("ccd"),
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 150),
    params:
        settings=lambda wildcards: PIPELINES["ccd"].compare_options(
            wildcards.item, wildcards.product
        ),
        frames=lambda wildcards, input: [f"@{path}" for path in input.frames],
        code=program.digest("detector", "ccd/counterfactual"),
    message:
        "Comparing the {wildcards.product} of {wildcards.item} with that of the previous night"
    shell:
        program("detector", "ccd/counterfactual") + "--product {wildcards.product:q} "
        "--output {output:q} {params.settings} {params.frames:q} > {log:q} 2>&1"
