rule report:
    """Put the whole campaign on one page."""
    input:
        pins=f"{RESULTS}/pins.tsv",
    output:
        page=f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../envs/detector.yaml"
    shell:
        "touch {output}"
