# CGI noise maps against those in use. No product depends on it.


use rule noise_maps as trial_noise_maps with:
    input:
        parts=lambda wildcards: PIPELINES["cgi"].trial_frames(wildcards.item),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        f"{RESULTS}/{{item}}/judge/trial_noise_maps.fits",
    log:
        f"{RESULTS}/logs/trial_noise_maps/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trial_noise_maps/{{item}}.tsv"
    message:
        "Fitting the noise maps of {wildcards.item} without the frames held out"


rule cgi_counterfactual:
    """Are the new noise maps better than those in use?"""
    input:
        candidate=f"{RESULTS}/{{item}}/judge/trial_noise_maps.fits",
        current=lambda wildcards: PIPELINES["cgi"].settings(wildcards.item)["previous"],
        held_out=lambda wildcards: PIPELINES["cgi"].deck_frames(wildcards.item),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        f"{RESULTS}/{{item}}/judge/counterfactual_noise_maps.json",
    log:
        f"{RESULTS}/logs/cgi_counterfactual/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cgi_counterfactual/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: PIPELINES["cgi"].compare_options(wildcards.item),
        code=program.digest("detector", "cgi/counterfactual"),
    message:
        "Comparing the noise maps of {wildcards.item} with those in use"
    shell:
        program("detector", "cgi/counterfactual") + "--candidate {input.candidate:q} "
        "--current {input.current:q} --frames {input.frames:q} --output {output:q} "
        "{params.settings} {input.held_out:q} > {log:q} 2>&1"
