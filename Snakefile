# darkroom: detector exposures to calibration products, from the archive to the report.
from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
include: "rules/archive_common.smk"
include: "rules/archive.smk"
include: "rules/crds_common.smk"
include: "rules/crds.smk"
include: "rules/ccd.smk"
include: "rules/nircam_common.smk"
include: "rules/nircam_noise_common.smk"
include: "rules/nircam.smk"
include: "rules/nircam_noise.smk"
include: "rules/wfc3_common.smk"
include: "rules/wfc3.smk"
include: "rules/cgi_common.smk"
include: "rules/cgi.smk"
include: "rules/report.smk"


rule all:
    """Make every product of the campaign, and its report."""
    default_target: True
    input:
        lambda wildcards: campaign_products(),
    message:
        f"Campaign {CAMPAIGN.name} is complete: {REPORT}"
