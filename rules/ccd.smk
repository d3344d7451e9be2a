# CCD: bias, read noise, dark, hot pixels, dark-subtracted science frames.
ccd = PIPELINES["ccd"]


rule master_bias:
    """Combine bias frames: the bias level of each pixel and its uncertainty."""
    input:
        bias=f"{RESULTS}/{{item}}/bias.list",
    output:
        f"{RESULTS}/{{item}}/master_bias.fits",
    log:
        f"{RESULTS}/logs/master_bias/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/master_bias/{{item}}.tsv"
    # It takes the other products of stacks along.
    priority: 1
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 150),
    params:
        settings=lambda wildcards: ccd.options(wildcards.item, "master_bias"),
        code=program.digest("detector", "ccd/master_bias"),
        batch=stack_batch,
    message:
        "Combining the bias frames of {wildcards.item}"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program("detector", "ccd/master_bias")
        + "--output {output:q} --threads {threads} {params.batch.options} "
        "{params.settings} @{input.bias:q} > {log:q} 2>&1"


rule read_noise:
    """Measure the read noise of each pixel from bias frames."""
    input:
        bias=f"{RESULTS}/{{item}}/bias.list",
    output:
        f"{RESULTS}/{{item}}/read_noise.fits",
    log:
        f"{RESULTS}/logs/read_noise/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/read_noise/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 150),
    params:
        settings=lambda wildcards: ccd.options(wildcards.item, "read_noise"),
        code=program.digest("detector", "ccd/read_noise"),
        batch=stack_batch,
    message:
        "Measuring the read noise of {wildcards.item}"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program("detector", "ccd/read_noise")
        + "--output {output:q} --threads {threads} {params.batch.options} "
        "{params.settings} @{input.bias:q} > {log:q} 2>&1"


rule master_dark:
    """Combine darks: one master dark for each exposure time and temperature."""
    input:
        dark=f"{RESULTS}/{{item}}/dark.list",
    output:
        f"{RESULTS}/{{item}}/master_dark.fits",
    log:
        f"{RESULTS}/logs/master_dark/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/master_dark/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 150),
    params:
        settings=lambda wildcards: ccd.options(wildcards.item, "master_dark"),
        code=program.digest("detector", "ccd/master_dark"),
        batch=stack_batch,
    message:
        "Combining the darks of {wildcards.item}"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program("detector", "ccd/master_dark")
        + "--output {output:q} --threads {threads} {params.batch.options} "
        "{params.settings} @{input.dark:q} > {log:q} 2>&1"


rule dark_rate:
    """Fit the dark rate of each pixel: signal against exposure time."""
    input:
        bias=f"{RESULTS}/{{item}}/bias.list",
        dark=f"{RESULTS}/{{item}}/dark.list",
    output:
        f"{RESULTS}/{{item}}/dark_rate.fits",
    log:
        f"{RESULTS}/logs/dark_rate/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/dark_rate/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 150),
    params:
        settings=lambda wildcards: ccd.options(wildcards.item, "dark_rate"),
        code=program.digest("detector", "ccd/dark_rate"),
        batch=stack_batch,
    message:
        "Fitting the dark rate of {wildcards.item}"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program("detector", "ccd/dark_rate")
        + "--output {output:q} --threads {threads} {params.batch.options} "
        "{params.settings} --bias @{input.bias:q} --dark @{input.dark:q} > {log:q} 2>&1"


rule hot_pixels:
    """Flag hot, unstable, saturated, non-linear and dead pixels."""
    input:
        bias=f"{RESULTS}/{{item}}/bias.list",
        dark=f"{RESULTS}/{{item}}/dark.list",
        rate=f"{RESULTS}/{{item}}/dark_rate.fits",
    output:
        f"{RESULTS}/{{item}}/hot_pixels.fits",
    log:
        f"{RESULTS}/logs/hot_pixels/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/hot_pixels/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 150),
    params:
        settings=lambda wildcards: ccd.options(wildcards.item, "hot_pixels"),
        code=program.digest("detector", "ccd/hot_pixels"),
    message:
        "Flagging the anomalous pixels of {wildcards.item}"
    shell:
        program("detector", "ccd/hot_pixels") + "--output {output:q} --threads {threads} "
        "{params.settings} --rate {input.rate:q} --bias @{input.bias:q} --dark @{input.dark:q} > {log:q} 2>&1"


rule bad_pixels:
    """Write the bad-pixel mask as a plain image, as DS9 regions and as a list."""
    input:
        f"{RESULTS}/{{item}}/hot_pixels.fits",
    output:
        f"{RESULTS}/{{item}}/bad_pixels.fits",
    log:
        f"{RESULTS}/logs/bad_pixels/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/bad_pixels/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 40),
    params:
        code=program.digest("detector", "ccd/bad_pixels"),
    message:
        "Listing the bad pixels of {wildcards.item}"
    shell:
        program("detector", "ccd/bad_pixels") + "--output {output:q} {input:q} > {log:q} 2>&1"


rule ccd_gain:
    """Measure the gain from pairs of flats."""
    input:
        unpack(lambda wildcards: ccd.gain_inputs(wildcards.item)),
        flat=f"{RESULTS}/{{item}}/flat.list",
    output:
        f"{RESULTS}/{{item}}/gain.fits",
    log:
        f"{RESULTS}/logs/ccd_gain/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ccd_gain/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 100),
    params:
        settings=lambda wildcards: ccd.options(wildcards.item, "gain"),
        products=lambda wildcards, input: named_options(input, *ccd.gain_inputs(wildcards.item)),
        code=program.digest("detector", "ccd/gain"),
    message:
        "Measuring the gain of {wildcards.item}"
    shell:
        program("detector", "ccd/gain") + "--output {output:q} {params.settings} "
        "{params.products} @{input.flat:q} > {log:q} 2>&1"


rule subtract_dark:
    """Subtract the dark from the science frames."""
    input:
        unpack(lambda wildcards: ccd.gain_product(wildcards.item)),
        science=f"{RESULTS}/{{item}}/science.list",
        master_dark=f"{RESULTS}/{{item}}/master_dark.fits",
        dark_rate=f"{RESULTS}/{{item}}/dark_rate.fits",
        read_noise=f"{RESULTS}/{{item}}/read_noise.fits",
        hot_pixels=f"{RESULTS}/{{item}}/hot_pixels.fits",
    output:
        folder=directory(f"{RESULTS}/{{item}}/science"),
        list=f"{RESULTS}/{{item}}/subtracted.list",
    log:
        f"{RESULTS}/logs/subtract_dark/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/subtract_dark/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 150),
    params:
        settings=lambda wildcards: ccd.options(wildcards.item, "subtract_dark"),
        more=lambda wildcards, input: input_options(input, {"gain": "--gain "}),
        code=program.digest("detector", "ccd/subtract_dark"),
    message:
        "Subtracting the dark from the science frames of {wildcards.item}"
    shell:
        program("detector", "ccd/subtract_dark")
        + "--output-dir {output.folder:q} --list {output.list:q} "
        "{params.settings} {params.more} --master-dark {input.master_dark:q} --dark-rate {input.dark_rate:q} "
        "--read-noise {input.read_noise:q} --hot-pixels {input.hot_pixels:q} @{input.science:q} "
        "> {log:q} 2>&1"


rule ccd_quantities:
    """Measure the camera's quantities by the notebook's definitions and by darkroom's."""
    input:
        unpack(lambda wildcards: ccd.science_lists(wildcards.item)),
        bias=f"{RESULTS}/{{item}}/bias.list",
        dark=f"{RESULTS}/{{item}}/dark.list",
        master_bias=f"{RESULTS}/{{item}}/master_bias.fits",
        read_noise=f"{RESULTS}/{{item}}/read_noise.fits",
        dark_rate=f"{RESULTS}/{{item}}/dark_rate.fits",
        hot_pixels=f"{RESULTS}/{{item}}/hot_pixels.fits",
    output:
        table=f"{RESULTS}/{{item}}/quantities.tsv",
        json=f"{RESULTS}/{{item}}/quantities.json",
    log:
        f"{RESULTS}/logs/ccd_quantities/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ccd_quantities/{{item}}.tsv"
    wildcard_constraints:
        item=PLAN.only_items_of("ccd"),
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 150),
    params:
        settings=lambda wildcards: ccd.options(wildcards.item, "quantities"),
        more=lambda wildcards, input: input_options(
            input, {"science": "--science @", "subtracted": "--subtracted @"}
        ),
        code=program.digest("detector", "ccd/quantities"),
    message:
        "Measuring the quantities of {wildcards.item}"
    shell:
        program("detector", "ccd/quantities") + "--output {output.table:q} --threads {threads} "
        "{params.settings} --master-bias {input.master_bias:q} --read-noise {input.read_noise:q} "
        "--dark-rate {input.dark_rate:q} --hot-pixels {input.hot_pixels:q} "
        "--bias @{input.bias:q} --dark @{input.dark:q} {params.more} "
        "> {log:q} 2>&1"


rule ccd_truth:
    """Compare the products of simulated frames with the truth of the simulation."""
    input:
        master_bias=f"{RESULTS}/{{item}}/master_bias.fits",
        read_noise=f"{RESULTS}/{{item}}/read_noise.fits",
        dark_rate=f"{RESULTS}/{{item}}/dark_rate.fits",
        hot_pixels=f"{RESULTS}/{{item}}/hot_pixels.fits",
    output:
        truth=f"{RESULTS}/{{item}}/truth.fits",
        comparison=f"{RESULTS}/{{item}}/truth.json",
    log:
        f"{RESULTS}/logs/ccd_truth/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ccd_truth/{{item}}.tsv"
    wildcard_constraints:
        item=PLAN.only_items_of("ccd"),
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 200),
    params:
        settings=lambda wildcards: PLAN.truth_settings(wildcards.item),
        code=program.digest("detector", "ccd/truth"),
    message:
        "Comparing the products of {wildcards.item} with the truth"
    shell:
        program("detector", "ccd/truth", CAMPAIGN_ARGS) + "--item {wildcards.item:q} "
        "--output {output.truth:q} --comparison {output.comparison:q} "
        "--master-bias {input.master_bias:q} --read-noise {input.read_noise:q} "
        "--dark-rate {input.dark_rate:q} --hot-pixels {input.hot_pixels:q} > {log:q} 2>&1"


rule ccd_figures:
    """Draw the figures of a CCD item, and describe its products for the report."""
    input:
        unpack(lambda wildcards: ccd.science_lists(wildcards.item)),
        unpack(lambda wildcards: ccd.gain_product(wildcards.item)),
        unpack(lambda wildcards: ccd.truth(wildcards.item)),
        unpack(lambda wildcards: ccd.figure_inputs(wildcards.item)),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        item=f"{RESULTS}/{{item}}/item.json",
        figures=directory(f"{RESULTS}/{{item}}/figures"),
    log:
        f"{RESULTS}/logs/ccd_figures/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ccd_figures/{{item}}.tsv"
    wildcard_constraints:
        item=PLAN.only_items_of("ccd"),
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 100),
    params:
        settings=lambda wildcards: ccd.options(wildcards.item, "figures"),
        products=lambda wildcards, input: named_options(input, *ccd.figures_show(wildcards.item)),
        more=lambda wildcards, input: input_options(
            input, {"subtracted": "--science @", "truth": "--truth ", "gain": "--gain "}
        ),
        code=program.digest("detector", "ccd/figures"),
    message:
        "Drawing the figures of {wildcards.item}"
    shell:
        program("detector", "ccd/figures")
        + "--figures {output.figures:q} --output {output.item:q} "
        "--threads {threads} {params.settings} --frames {input.frames:q} "
        "{params.products} {params.more} "
        "> {log:q} 2>&1"
