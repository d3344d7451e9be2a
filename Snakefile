# darkroom: detector exposures to calibration products, from the archive to the report.
from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
include: "rules/archive_common.smk"
include: "rules/archive.smk"
include: "rules/crds_common.smk"
include: "rules/nircam_common.smk"
include: "rules/nircam_noise_common.smk"
include: "rules/wfc3_common.smk"
include: "rules/cgi_common.smk"


# The rules of the campaign's own instruments: each start of a plan or of a cluster job reads them.
if items_of("ccd"):

    include: "rules/ccd.smk"


if items_of("nircam"):

    include: "rules/nircam.smk"
    include: "rules/nircam_noise.smk"


if items_of("wfc3"):

    include: "rules/wfc3.smk"


if items_of("nircam") or items_of("wfc3"):

    include: "rules/crds.smk"


if items_of("cgi"):

    include: "rules/cgi.smk"


include: "rules/report.smk"


remember_signatures(workflow.rules)


rule all:
    """Make every product of the campaign, and its report."""
    default_target: True
    input:
        lambda wildcards: campaign_products(),
    message:
        f"Campaign {CAMPAIGN.name} is complete: {REPORT}"
