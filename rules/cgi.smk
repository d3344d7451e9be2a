# Roman CGI: statistics of stacks of darks, noise maps, master darks.
from darkroom.cgi.pipeline import gain_and_time

cgi = PIPELINES["cgi"]


wildcard_constraints:
    stack=r"g[\d.e+-]+_t[\d.e+-]+",
    part=r"\d+",


rule stack_statistics:
    """Add up the frames of one part of a stack: samples, sum and squared deviations."""
    input:
        unpack(lambda wildcards: cgi.files(wildcards.item, "stack_statistics")),
        lists=lambda wildcards: BATCHES.tracked(
            wildcards.item,
            cgi.part_statuses(wildcards.item, wildcards.stack, wildcards.part),
        ),
    output:
        f"{RESULTS}/{{item}}/stacks/{{stack}}/{{part}}.fits",
    log:
        f"{RESULTS}/logs/stack_statistics/{{item}}/{{stack}}/{{part}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/stack_statistics/{{item}}/{{stack}}/{{part}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: cgi.options(wildcards.item, "stack_statistics"),
        statuses=lambda wildcards: cgi.part_statuses(
            wildcards.item, wildcards.stack, wildcards.part
        ),
        judge=lambda wildcards: cgi.judging_options(wildcards.item),
        code=program.digest("detector", "cgi/stack_statistics"),
        batch=part_batch,
    message:
        "Adding up part {wildcards.part} of stack {wildcards.stack} of {wildcards.item}"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program("detector", "cgi/stack_statistics")
        + "--output {output:q} {params.batch.options} {params.settings} "
        "{params.judge} {params.statuses:q} > {log:q} 2>&1"


rule prepare_cgi:
    """Prepare the raw frames of one part: bias, cosmic rays, non-linearity, electrons."""
    input:
        unpack(lambda wildcards: cgi.files(wildcards.item, "prepare")),
        lists=lambda wildcards: BATCHES.tracked(
            wildcards.item,
            cgi.part_statuses(wildcards.item, wildcards.stack, wildcards.part),
        ),
    output:
        directory(f"{RESULTS}/{{item}}/prepared/{{stack}}/{{part}}"),
    log:
        f"{RESULTS}/logs/prepare_cgi/{{item}}/{{stack}}/{{part}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare_cgi/{{item}}/{{stack}}/{{part}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: cgi.options(wildcards.item, "prepare"),
        statuses=lambda wildcards: cgi.part_statuses(
            wildcards.item, wildcards.stack, wildcards.part
        ),
        judge=lambda wildcards: cgi.judging_options(wildcards.item),
        code=program.digest("detector", "cgi/prepare"),
    message:
        "Preparing part {wildcards.part} of stack {wildcards.stack} of {wildcards.item}"
    shell:
        program("detector", "cgi/prepare") + "--output {output:q} {params.settings} "
        "{params.judge} {params.statuses:q} > {log:q} 2>&1"


rule noise_maps:
    """Fit fixed pattern, clock-induced charge and dark current of each pixel."""
    input:
        unpack(lambda wildcards: cgi.files(wildcards.item, "noise_maps")),
        parts=lambda wildcards: BATCHES.tracked(wildcards.item, cgi.stack_inputs(wildcards.item)),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        f"{RESULTS}/{{item}}/noise_maps.fits",
    log:
        f"{RESULTS}/logs/noise_maps/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/noise_maps/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: cgi.options(wildcards.item, "noise_maps"),
        parts=lambda wildcards: cgi.stack_inputs(wildcards.item),
        code=program.digest("detector", "cgi/noise_maps"),
    message:
        "Fitting the noise maps of {wildcards.item}"
    shell:
        program("detector", "cgi/noise_maps")
        + "--output {output:q} {params.settings} --frames {input.frames:q} {params.parts:q} "
        "> {log:q} 2>&1"


rule cgi_master_dark:
    """Make a traditional master dark: the mean of one stack (EM gain and exposure time)."""
    input:
        unpack(lambda wildcards: cgi.files(wildcards.item, "master_dark")),
        parts=lambda wildcards: BATCHES.tracked(
            wildcards.item, cgi.stack_inputs(wildcards.item, wildcards.stack)
        ),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        f"{RESULTS}/{{item}}/darks/traditional_{{stack}}.fits",
    log:
        f"{RESULTS}/logs/cgi_master_dark/{{item}}/{{stack}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cgi_master_dark/{{item}}/{{stack}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: cgi.options(wildcards.item, "master_dark"),
        parts=lambda wildcards: cgi.stack_inputs(wildcards.item, wildcards.stack),
        code=program.digest("detector", "cgi/master_dark"),
    message:
        "Averaging stack {wildcards.stack} of {wildcards.item}"
    shell:
        program("detector", "cgi/master_dark") + "--output {output:q} {params.settings} "
        "--undivided --frames {input.frames:q} {params.parts:q} > {log:q} 2>&1"


rule synthesize_dark:
    """Synthesize the dark of an EM gain and exposure time from the noise maps."""
    input:
        unpack(lambda wildcards: cgi.files(wildcards.item, "synthesize_dark")),
        maps=f"{RESULTS}/{{item}}/noise_maps.fits",
    output:
        f"{RESULTS}/{{item}}/darks/synthesized_{{stack}}.fits",
    log:
        f"{RESULTS}/logs/synthesize_dark/{{item}}/{{stack}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/synthesize_dark/{{item}}/{{stack}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: cgi.options(wildcards.item, "synthesize_dark"),
        dark=lambda wildcards: gain_and_time(wildcards.stack),
        code=program.digest("detector", "cgi/synthesize_dark"),
    message:
        "Synthesizing the dark {wildcards.stack} of {wildcards.item}"
    shell:
        program("detector", "cgi/synthesize_dark") + "--output {output:q} {params.settings} "
        "{params.dark} {input.maps:q} > {log:q} 2>&1"


rule photon_counted_dark:
    """Count photons in a stack of high EM gain: a photon-counted master dark."""
    input:
        unpack(lambda wildcards: cgi.files(wildcards.item, "photon_counted_dark")),
        lists=lambda wildcards: BATCHES.tracked(
            wildcards.item, cgi.counted_statuses(wildcards.item, wildcards.stack)
        ),
        maps=f"{RESULTS}/{{item}}/noise_maps.fits",
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        f"{RESULTS}/{{item}}/darks/photon_counted_{{stack}}.fits",
    log:
        f"{RESULTS}/logs/photon_counted_dark/{{item}}/{{stack}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/photon_counted_dark/{{item}}/{{stack}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: cgi.counting_options(wildcards.item),
        statuses=lambda wildcards: cgi.counted_statuses(wildcards.item, wildcards.stack),
        code=program.digest("detector", "cgi/photon_counted_dark"),
    message:
        "Counting photons in stack {wildcards.stack} of {wildcards.item}"
    shell:
        program("detector", "cgi/photon_counted_dark") + "--output {output:q} {params.settings} "
        "--maps {input.maps:q} --frames {input.frames:q} {params.statuses:q} "
        "> {log:q} 2>&1"


rule pixel_map:
    """Mark the bad pixels of a dark."""
    input:
        unpack(lambda wildcards: cgi.pixel_files(wildcards.item)),
        dark=f"{RESULTS}/{{item}}/darks/{{dark}}.fits",
    output:
        f"{RESULTS}/{{item}}/pixel_maps/{{dark}}.fits",
    log:
        f"{RESULTS}/logs/pixel_map/{{item}}/{{dark}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pixel_map/{{item}}/{{dark}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: cgi.pixel_options(wildcards.item),
        code=program.digest("detector", "cgi/pixel_map"),
    message:
        "Marking the bad pixels of {wildcards.dark} of {wildcards.item}"
    shell:
        program("detector", "cgi/pixel_map")
        + "--output {output:q} {params.settings} {input.dark:q} "
        "> {log:q} 2>&1"


rule cgi_truth:
    """Compare noise maps and darks of simulated frames with the truth of the simulation."""
    input:
        maps=f"{RESULTS}/{{item}}/noise_maps.fits",
        darks=lambda wildcards: cgi.darks(wildcards.item),
        counted=lambda wildcards: cgi.counted_darks(wildcards.item),
    output:
        truth=f"{RESULTS}/{{item}}/truth.fits",
        comparison=f"{RESULTS}/{{item}}/truth.json",
    log:
        f"{RESULTS}/logs/cgi_truth/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cgi_truth/{{item}}.tsv"
    wildcard_constraints:
        item=PLAN.only_items_of("cgi"),
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: PLAN.truth_settings(wildcards.item),
        code=program.digest("detector", "cgi/truth"),
    message:
        "Comparing the products of {wildcards.item} with the truth"
    shell:
        program("detector", "cgi/truth", CAMPAIGN_ARGS) + "--item {wildcards.item:q} "
        "--output {output.truth:q} --comparison {output.comparison:q} --maps {input.maps:q} "
        "--darks {input.darks:q} {input.counted:q} > {log:q} 2>&1"


rule cgi_figures:
    """Draw the figures of a CGI item, and describe its products for the report."""
    input:
        unpack(lambda wildcards: cgi.truth_files(wildcards.item)),
        unpack(lambda wildcards: cgi.trends(wildcards.item)),
        unpack(lambda wildcards: cgi.files(wildcards.item, "figures")),
        maps=f"{RESULTS}/{{item}}/noise_maps.fits",
        darks=lambda wildcards: cgi.darks(wildcards.item),
        counted=lambda wildcards: cgi.counted_darks(wildcards.item),
        pixel_maps=lambda wildcards: cgi.pixel_maps(wildcards.item),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        item=f"{RESULTS}/{{item}}/item.json",
        figures=directory(f"{RESULTS}/{{item}}/figures"),
    log:
        f"{RESULTS}/logs/cgi_figures/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cgi_figures/{{item}}.tsv"
    wildcard_constraints:
        item=PLAN.only_items_of("cgi"),
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        settings=lambda wildcards: cgi.options(wildcards.item, "figures"),
        more=lambda wildcards, input: input_options(
            input,
            {"truth": "--truth ", "comparison": "--comparison ", "trends": "--trends "},
        ),
        code=program.digest("detector", "cgi/figures"),
    message:
        "Drawing the figures of {wildcards.item}"
    shell:
        program("detector", "cgi/figures")
        + "--figures {output.figures:q} --output {output.item:q} "
        "{params.settings} {params.more} --maps {input.maps:q} --frames {input.frames:q} "
        "--darks {input.darks:q} --counted {input.counted:q} "
        "--pixel-maps {input.pixel_maps:q} > {log:q} 2>&1"
