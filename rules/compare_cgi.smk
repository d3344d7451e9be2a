# CGI noise maps and darks against those in use. No product depends on it.


use rule noise_maps as trial_noise_maps with:
    input:
        unpack(lambda wildcards: PIPELINES["cgi"].files(wildcards.item, "noise_maps")),
        parts=lambda wildcards: BATCHES.tracked(
            wildcards.item, PIPELINES["cgi"].trial_frames(wildcards.item)
        ),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        f"{RESULTS}/{{item}}/judge/trial_noise_maps.fits",
    log:
        f"{RESULTS}/logs/trial_noise_maps/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trial_noise_maps/{{item}}.tsv"
    params:
        settings=lambda wildcards: PIPELINES["cgi"].options(wildcards.item, "noise_maps"),
        parts=lambda wildcards: PIPELINES["cgi"].trial_frames(wildcards.item),
        code=program.digest("detector", "cgi/noise_maps"),
    message:
        "Fitting the noise maps of {wildcards.item} without the frames held out"


use rule cgi_master_dark as trial_cgi_master_dark with:
    input:
        unpack(lambda wildcards: PIPELINES["cgi"].files(wildcards.item, "master_dark")),
        parts=lambda wildcards: BATCHES.tracked(
            wildcards.item, PIPELINES["cgi"].trial_frames(wildcards.item, wildcards.stack)
        ),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        f"{RESULTS}/{{item}}/judge/trial_traditional_{{stack}}.fits",
    log:
        f"{RESULTS}/logs/trial_cgi_master_dark/{{item}}/{{stack}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trial_cgi_master_dark/{{item}}/{{stack}}.tsv"
    params:
        settings=lambda wildcards: PIPELINES["cgi"].options(wildcards.item, "master_dark"),
        parts=lambda wildcards: PIPELINES["cgi"].trial_frames(wildcards.item, wildcards.stack),
        code=program.digest("detector", "cgi/master_dark"),
    message:
        "Averaging stack {wildcards.stack} of {wildcards.item} without the frames held out"


use rule synthesize_dark as trial_synthesize_dark with:
    input:
        unpack(lambda wildcards: PIPELINES["cgi"].files(wildcards.item, "synthesize_dark")),
        maps=f"{RESULTS}/{{item}}/judge/trial_noise_maps.fits",
    output:
        f"{RESULTS}/{{item}}/judge/trial_synthesized_{{stack}}.fits",
    log:
        f"{RESULTS}/logs/trial_synthesize_dark/{{item}}/{{stack}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trial_synthesize_dark/{{item}}/{{stack}}.tsv"
    message:
        "Synthesizing the dark {wildcards.stack} of {wildcards.item} without the frames held out"


rule cgi_counterfactual:
    """Are new noise maps, or a new dark, better than those in use?"""
    input:
        unpack(lambda wildcards: PIPELINES["cgi"].files(wildcards.item, "noise_maps")),
        candidate=f"{RESULTS}/{{item}}/judge/trial_{{product}}.fits",
        current=lambda wildcards: PIPELINES["cgi"].current(wildcards.item, wildcards.product),
        held_out=lambda wildcards: BATCHES.tracked(
            wildcards.item, PIPELINES["cgi"].deck_frames(wildcards.item, wildcards.product)
        ),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        f"{RESULTS}/{{item}}/judge/counterfactual_{{product}}.json",
    log:
        f"{RESULTS}/logs/cgi_counterfactual/{{item}}_{{product}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cgi_counterfactual/{{item}}_{{product}}.tsv"
    wildcard_constraints:
        item=PLAN.only_items_of("cgi"),
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: PIPELINES["cgi"].compare_options(
            wildcards.item, wildcards.product
        ),
        held_out=lambda wildcards: PIPELINES["cgi"].deck_frames(wildcards.item, wildcards.product),
        code=program.digest("detector", "cgi/counterfactual"),
    message:
        "Comparing {wildcards.product} of {wildcards.item} with the file in use"
    shell:
        program("detector", "cgi/counterfactual") + "--candidate {input.candidate:q} "
        "--current {input.current:q} --frames {input.frames:q} --output {output:q} "
        "{params.settings} {params.held_out:q} > {log:q} 2>&1"
