"""Rewrite ``data/samples/``: one fictional CRM export in three formats. Deterministic.

Run ``python tests/make_samples.py``; the same files come out each time, on any day. Everybody in
them is invented. Numbers come only from the blocks that ARCEP (06 39 98, and one landline block
per zone), Ofcom (+44 7700 900xxx) and NANPA (555-01xx) keep for fiction, so none can ring.
"""

from __future__ import annotations

import csv
import io
import random
import re
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

FOLDER: Final = Path(__file__).parents[1] / "data" / "samples"
SEED: Final = 20260105
SAVED_AT: Final = datetime(2026, 1, 5, 9, 0)  # noqa: DTZ001  (Excel's file times have no zone)
HEADER: Final = (
    "id",
    "status",
    "civilite",
    "nom",
    "prenom",
    "email",
    "mobile",
    "telephone",
    "code_postal",
    "ville",
    "magasin",
    "optin_sms",
    "derniere_commande",
    "commentaire",
)

SURNAMES: Final = (
    "Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefèvre "
    "Leroy Roux David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau "
    "Vincent Müller Lefebvre Faure André Mercier Blanc Guérin Boyer Garnier Chevalier François "
    "Legrand Gauthier Garcia Perrin Robin Clément Morin Nicolas Henry Roussel Mathieu Gautier "
    "Masson Marchand Duval Denis Dumont Marie Lemaire Noël Meyer Dufour Meunier Brun Blanchard "
    "Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud Martínez Gérard Roche Renard "
    "Schmitt Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud Dumas Lacroix "
    "Olivier Philippe Bourgeois Pierre Benoît Rey Leclerc Payet Rolland Leclercq Guillaume "
    "Lecomte López Jean Dupuy Guillot Hubert Berger Carpentier Sánchez Dupuis Moulin Louis "
    "Deschamps Huet Vasseur Perez Boucher Fleury Royer Klein Jacquet Adam Paris Poirier Marty "
    "Aubry Guyot Carré Charles Renault Charpentier Ménard Maillard Baron Bertin Bailly Hervé "
    "Schneider Fernández Le_Gall Collet Léger Bouvier Julien Prévost Millet Perrot Daniel Le_Roux "
    "Cousin Germain Breton Besson Langlois Rémy Le_Goff Pelletier Lévêque Perrier Leblanc Barré "
    "Lebrun Marchal Weber Mallet Hamon Boulanger Jacob Monnier Michaud Rodríguez Guichard Gillet "
    "Étienne Grondin Poulain Tessier Chevallier Collin Chauvin Da_Silva Bouchet Gay Lemaître "
    "Bénard Maréchal Humbert Reynaud Antoine Hoarau Perret Barthélémy Cordier Pichon Lejeune "
    "Gilbert Lamy Delaunay Pasquier Carlier Laporte D’Hérouville Lœuillet Saint-Amand"
)
FIRST_NAMES: Final = {
    "Mme": (
        "Marie Nathalie Isabelle Sylvie Catherine Françoise Valérie Christine Stéphanie Sandrine "
        "Céline Julie Aurélie Émilie Laure Camille Léa Manon Chloé Inès Jade Louise Zoé Anaïs "
        "Hélène Amélie Noémie Maëlys Lætitia Marie-Noëlle Anne-Sophie Eugénie Fatima Khadija"
    ),
    "M.": (
        "Jean Philippe Michel Alain Patrick Nicolas Christophe Pierre Frédéric Éric Laurent "
        "Stéphane David Pascal Sébastien Julien Thierry Olivier Bruno Thomas Lucas Hugo Louis "
        "Gabriel Raphaël Jules Adam Théo Noé Loïc Gaël Jean-François Jérôme Rémi Mehdi Karim"
    ),
}
TOWNS: Final = (
    ("75011", "Paris", "Paris République", "01 99 00"),
    ("75015", "Paris", "Paris Convention", "01 99 00"),
    ("92100", "Boulogne-Billancourt", "Boulogne", "01 99 00"),
    ("69003", "Lyon", "Lyon Part-Dieu", "04 65 71"),
    ("13006", "Marseille", "Marseille Préfecture", "04 65 71"),
    ("33000", "Bordeaux", "Bordeaux Sainte-Catherine", "05 36 49"),
    ("31000", "Toulouse", "Toulouse Capitole", "05 36 49"),
    ("59800", "Lille", "Lille Béthune", "03 53 01"),
    ("67000", "Strasbourg", "Strasbourg Kléber", "03 53 01"),
    ("44000", "Nantes", "Nantes Crébillon", "02 61 91"),
    ("35000", "Rennes", "Rennes Liberté", "02 61 91"),
    ("06000", "Nice", "Nice Masséna", "04 65 71"),
    ("34000", "Montpellier", "Montpellier Comédie", "04 65 71"),
    ("01000", "Bourg-en-Bresse", "Lyon Part-Dieu", "04 65 71"),
    ("63000", "Clermont-Ferrand", "Clermont Jaude", "04 65 71"),
    ("76600", "Le Havre", "Le Havre Coty", "02 61 91"),
    ("08000", "Charleville-Mézières", "Reims Érlon", "03 53 01"),
    ("42000", "Saint-Étienne", "Saint-Étienne Dorian", "04 65 71"),
)
COMMENTS: Final = (
    "Préfère le matin ; ne pas appeler avant 10 h",
    "Cliente fidèle ; carte n° 3",
    'Dit "le Patron"',
    "Remise de 15 € promise ; voir avec le magasin",
    "=SOMME(A1:A3)",
    "+ carte cadeau",
    "-10 % sur la prochaine commande",
    "@fidelite",
    "A déménagé\nnouvelle adresse à demander",
    "Sœur de Mme Legrand",
    "ne souhaite plus de courrier",
    "NULL",
)
NOTHING: Final = ("n/a", "-", "à demander", "NC", "N/A", "?", "0000000000", "inconnu", "null")


def spaced(number: str, separator: str = " ") -> str:
    """Write ten digits in pairs."""
    return separator.join(re.findall("..", number))


Notation = Callable[[str], str]
NOTATIONS: Final[tuple[tuple[int, Notation], ...]] = (
    (330, lambda n: n),
    (255, spaced),
    (90, lambda n: spaced(n, ".")),
    (40, lambda n: spaced(n, "-")),
    (18, lambda n: spaced(n, "/")),
    (105, lambda n: "+33" + n[1:]),
    (90, lambda n: "+33 " + spaced(n)[1:]),
    (24, lambda n: "+33 (0)" + spaced(n)[1:]),
    (12, lambda n: "+33(0)" + n[1:]),
    (30, lambda n: "0033" + n[1:]),
    (36, lambda n: "33" + n[1:]),
    (96, lambda n: n[1:]),  # the leading zero was eaten by a spreadsheet
    (30, lambda n: n[1:] + ".0"),  # … and the column became a float
    (25, lambda n: spaced(n, "\xa0")),
    (12, lambda n: "O" + spaced(n)[1:]),
    (5, lambda n: "tel:+33" + n[1:]),
    (20, lambda n: f" {spaced(n)} "),
)
"""How many rows have which notation of a number that can be read."""


def e_notation(number: str) -> str:
    """Write a number as a French Excel shows it in a narrow column: digits are lost."""
    mantissa, exponent = f"{int(number):.5E}".split("E")
    return f"{mantissa.rstrip('0').replace('.', ',')}E{exponent}"


def plain(text: str) -> str:
    """Write a name as in an e-mail address."""
    text = text.replace("œ", "oe").replace("æ", "ae").replace("’", "")
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z-]", "", letters)


def landline(rng: random.Random, block: str) -> str:
    """Invent a landline in the block kept for fiction."""
    return block.replace(" ", "") + f"{rng.randrange(10_000):04d}"


def mobiles(rng: random.Random) -> list[str]:
    """Return the mobile column: readable numbers first, then every damage, then shuffled."""
    pool = [f"063998{n:04d}" for n in rng.sample(range(10_000), 10_000)]
    take = pool.pop
    readable = [(notation, take()) for count, notation in NOTATIONS for _ in range(count)]
    cells = [notation(number) for notation, number in readable]
    plain_notations = [notation for _, notation in NOTATIONS[:11]]
    # The same person again, written otherwise.
    cells += [
        next(n(number) for n in rng.sample(plain_notations, 2) if n(number) != notation(number))
        for notation, number in rng.sample(readable, 48)
    ]
    cells += [e_notation(take()) for _ in range(18)]
    cells += [f"{spaced(take())} / {spaced(take())}" for _ in range(12)]
    cells += [f"{take()} ou {landline(rng, '01 99 00')}" for _ in range(8)]
    cells += [f"{take()};{take()}" for _ in range(6)]
    cells += [spaced(landline(rng, rng.choice(TOWNS)[3])) for _ in range(44)]
    cells += [f"+44 7700 900{rng.randrange(1000):03d}" for _ in range(12)]
    cells += [f"+1 202 555 01{rng.randrange(100):02d}" for _ in range(4)]
    cells += [spaced(take())[:11] for _ in range(12)]  # cut by a narrow field
    cells += [take() + str(rng.randrange(10)) for _ in range(5)]
    cells += [f'="{take()}"' for _ in range(3)]
    cells += [rng.choice(NOTHING) for _ in range(46)]
    cells += [""] * 64
    rng.shuffle(cells)
    return cells


def rows() -> Iterator[tuple[str, ...]]:
    """Yield the export, row by row, as text."""
    rng = random.Random(SEED)  # noqa: S311  (a fixed sequence is wanted)
    column = mobiles(rng)
    for position, mobile in enumerate(column):
        title = rng.choice(("Mme", "M."))
        first = rng.choice(FIRST_NAMES[title].split())
        surname = rng.choice(SURNAMES.split()).replace("_", " ")
        if rng.random() < 0.2:
            surname = surname.upper()
        code, town, shop, block = rng.choice(TOWNS)
        if rng.random() < 0.3:
            code = code.removeprefix("0")
        domain = rng.choice(("example.com", "example.net", "example.org", "mail.example.com"))
        ordered = date(2023, 1, 2) + timedelta(days=rng.randrange(1080))
        phone = landline(rng, block)
        yield (
            str(104_200 + 7 * position),
            rng.choice(("client", "client", "client", "prospect", "inactif", "")),
            title if rng.random() < 0.95 else "",
            surname,
            first,
            f"{plain(first)}.{plain(surname)}@{domain}" if rng.random() < 0.9 else "",
            mobile,
            rng.choice(("", "", phone, spaced(phone), spaced(phone, "."), phone[1:])),
            code,
            town,
            shop,
            rng.choice(("oui", "oui", "oui", "Oui", "1", "non", "")),
            ordered.isoformat() if rng.random() < 0.85 else "",
            rng.choice(COMMENTS) if rng.random() < 0.08 else "",
        )


def csv_bytes() -> bytes:
    """Write the export as a French Excel saves CSV: ``;``, Windows-1252, CRLF."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(rows())
    return text.getvalue().encode("cp1252")


def xlsx_bytes() -> bytes:
    """Write the export as a workbook: ids, bare phone numbers and dates are typed."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Clients"
    sheet.append(HEADER)
    typed = {HEADER.index(name) + 1 for name in ("id", "mobile", "telephone", "code_postal")}
    day = HEADER.index("derniere_commande") + 1
    for number, row in enumerate(rows(), start=2):
        for column, text in enumerate(row, start=1):
            if not text:
                continue
            cell = sheet.cell(number, column)
            if column in typed and re.fullmatch("[1-9][0-9]*", text):
                cell.value = int(text)
            elif column == day:
                cell.value = date.fromisoformat(text)
            else:
                cell.value = text
                cell.data_type = "s"  # "=…" is text here, not a formula
    book.create_sheet("Feuil2")  # the empty sheet that comes with so many workbooks
    book.properties.creator = "CRM"
    book.properties.created = SAVED_AT
    made = io.BytesIO()
    book.save(made)
    return _fixed_times(made)


def _fixed_times(made: io.BytesIO) -> bytes:
    """Write a workbook's parts again with fixed times: openpyxl takes the clock's."""
    fixed = io.BytesIO()
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(
                    rb"(<dcterms:modified[^>]*>)[^<]*",
                    rb"\g<1>" + SAVED_AT.strftime("%Y-%m-%dT%H:%M:%SZ").encode(),
                    data,
                )
            entry = zipfile.ZipInfo(name, SAVED_AT.timetuple()[:6])
            new.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return fixed.getvalue()


def parquet_bytes() -> bytes:
    """Write the export as Parquet: text as in the CSV, empty cells null."""
    columns = zip(*rows(), strict=True)
    table = pa.table(
        {
            name: pa.array([cell or None for cell in column], pa.string())
            for name, column in zip(HEADER, columns, strict=True)
        }
    )
    made = io.BytesIO()
    pq.write_table(table, made, compression="zstd")
    return made.getvalue()


NOEL: Final = """\
# An image and a line: at most 100 characters.
name = "noel-2026"
kind = "image"
message = "Maison Flore vous souhaite un joyeux Noël et vous attend en magasin ! STOP au 36000"
image = "http://www.example.com/noel.jpg"
advertiser = "Maison Flore"
purpose = "commercial"
consent = "optin_sms"   # oui, 1, yes… in that column of the contacts; others get nothing
"""

SOLDES: Final = '''\
# Text alone: at most 1000 characters, a line break counts twice.
name = "soldes-hiver-2026"
kind = "text"
message = """
Bonjour {{ prenom }}, les soldes Maison Flore ont commencé à {{ magasin }} !
Présentez ce message en caisse : -20 % sur votre article préféré.
STOP au 36000"""
notify_by_mail = true
advertiser = "Maison Flore"
purpose = "commercial"
consent = "optin_sms"
'''


def samples() -> dict[str, bytes]:
    """Return every sample's content by file name."""
    return {
        "crm.csv": csv_bytes(),
        "crm.xlsx": xlsx_bytes(),
        "crm.parquet": parquet_bytes(),
        "noel.toml": NOEL.encode(),
        "soldes.toml": SOLDES.encode(),
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in samples().items():
        (FOLDER / name).write_bytes(content)
        sys.stdout.write(f"{FOLDER / name}: {len(content):,} bytes\n")
