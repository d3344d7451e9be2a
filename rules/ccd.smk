# CCD: bias, read noise, dark, hot pixels, dark-subtracted science frames.
STACKING = {
    "clip": "--clip",
    "nsigma": "--nsigma",
    "iterations": "--iterations",
    "saturation_adu": "--saturation",
    "gain_e_per_adu": "--gain",
    "recover": "--recover",
}
GROUPING = STACKING | {"temperature_tolerance_c": "--temperature-tolerance"}
HOT = GROUPING | {"hot_nsigma": "--hot-nsigma"}


rule master_bias:
    """What is the zero level of each pixel, and how well is it known?"""
    input:
        bias=f"{RESULTS}/{{item}}/bias.list",
    output:
        f"{RESULTS}/{{item}}/master_bias.fits",
    log:
        f"{RESULTS}/logs/master_bias/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/master_bias/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: options(wildcards.item, "ccd", STACKING),
        code=program.digest("detector", "master_bias"),
    message:
        "Combining the bias frames of {wildcards.item}"
    shell:
        program("detector", "master_bias") + "--output {output} --threads {threads} "
        "{params.settings} @{input.bias} > {log} 2>&1"


rule read_noise:
    """How noisy is a read of each pixel?"""
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
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: options(wildcards.item, "ccd", STACKING),
        code=program.digest("detector", "read_noise"),
    message:
        "Measuring the read noise of {wildcards.item}"
    shell:
        program("detector", "read_noise") + "--output {output} --threads {threads} "
        "{params.settings} @{input.bias} > {log} 2>&1"


rule master_dark:
    """What does each pixel hold after a time in the dark?"""
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
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: options(wildcards.item, "ccd", GROUPING),
        code=program.digest("detector", "master_dark"),
    message:
        "Combining the darks of {wildcards.item}"
    shell:
        program("detector", "master_dark") + "--output {output} --threads {threads} "
        "{params.settings} @{input.dark} > {log} 2>&1"


rule dark_rate:
    """How fast does each pixel gather charge in the dark?"""
    input:
        unpack(lambda wildcards: role_lists(wildcards.item, "bias", "dark")),
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
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: options(wildcards.item, "ccd", GROUPING),
        frames=lambda wildcards, input: " ".join(f"--{k} @{v}" for k, v in input.items()),
        code=program.digest("detector", "dark_rate"),
    message:
        "Fitting the dark rate of {wildcards.item}"
    shell:
        program("detector", "dark_rate") + "--output {output} --threads {threads} "
        "{params.settings} {params.frames} > {log} 2>&1"


rule hot_pixels:
    """Which pixels are hot, unstable, saturated or dead?"""
    input:
        unpack(lambda wildcards: role_lists(wildcards.item, "bias", "dark")),
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
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: options(wildcards.item, "ccd", HOT),
        frames=lambda wildcards, input: " ".join(
            f"--{role} @{input[role]}" for role in ("bias", "dark") if role in input.keys()
        ),
        code=program.digest("detector", "hot_pixels"),
    message:
        "Finding the odd pixels of {wildcards.item}"
    shell:
        program("detector", "hot_pixels") + "--output {output} --threads {threads} "
        "{params.settings} --rate {input.rate} {params.frames} > {log} 2>&1"
