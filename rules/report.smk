# The report of the campaign, and its state on the terminal.


rule products:
    """Make the products of every item; `--batch products=1/10` makes a tenth of them."""
    input:
        lambda wildcards: pipelines.item_products(PLAN, PIPELINES),
    message:
        f"All products of campaign {CAMPAIGN.name} are made"


rule report:
    """Write the report of the campaign: a folder of HTML pages and pictures."""
    input:
        lambda wildcards: [path for path in campaign_products() if path != REPORT],
    output:
        pages=report(
            directory(REPORT),
            htmlindex="index.html",
            category="Campaign",
            labels={"campaign": CAMPAIGN.name},
        ),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=CAMPAIGN.settings,
        folders=[f"{RESULTS}/{item}" for item in CAMPAIGN.items],
        code=program.digest("detector", "report/report"),
    message:
        f"Writing the report of campaign {CAMPAIGN.name}"
    shell:
        program("detector", "report/report", CAMPAIGN_ARGS, REPEAT_ARGS)
        + "--output {output.pages:q} {params.folders:q} > {log:q} 2>&1"


rule status:
    """Show which products are made, which are missing, and which exposures are excluded."""
    log:
        f"{RESULTS}/logs/status.log",
    localrule: True
    conda:
        "../envs/detector.yaml"
    params:
        results=ALL_RESULTS,
        planned=lambda wildcards: planned_products(),
    message:
        f"Showing the state of campaign {CAMPAIGN.name}"
    shell:
        r"printf '%s\n' {params.planned:q} | "
        + program("detector", "report/status", CAMPAIGN_ARGS, NEXT_ARGS)
        + "--planned --results {params.results:q} 2>&1 | tee {log:q}"


rule check:
    """Read every file of the campaign and compare it with what is recorded of it."""
    log:
        f"{RESULTS}/logs/check.log",
    localrule: True
    conda:
        "../envs/detector.yaml"
    threads: 4
    params:
        results=ALL_RESULTS,
        planned=lambda wildcards: planned_products(),
    message:
        f"Reading and comparing every file of campaign {CAMPAIGN.name}"
    shell:
        r"printf '%s\n' {params.planned:q} | "
        + program("detector", "report/check", CAMPAIGN_ARGS, FOLDER_ARGS)
        + "--planned --threads {threads} --results {params.results:q} 2>&1 | tee {log:q}"
