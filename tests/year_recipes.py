"""The thirty runs of the year: what is sent to whom, and what goes wrong."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import mmsbatch as mms
from year_of_runs import (
    OPTED_OUT,
    REGULAR,
    People,
    Recipe,
    broken_off,
    killed,
    reconcile,
    resume,
    send,
    settle,
    top_up,
    wait,
)

_IMAGE: Final = "http://www.example.com/affiche.jpg"


def _text(name: str, message: str, send_at: str | None = None) -> mms.Campaign:
    return mms.Campaign(name, mms.Text(message), send_at=send_at)


def _image(name: str, message: str) -> mms.Campaign:
    return mms.Campaign(name, mms.Image(message, _IMAGE))


def _weekly() -> tuple[Recipe, ...]:
    """The newsletter: nine weeks of one campaign's name, its list grows and moves."""
    weeks = [date(2025, 9, 2) + timedelta(weeks=week) for week in range(9)]
    return tuple(
        Recipe(
            run=f"lettre-{day:%G-w%V}",
            day=f"{day}",
            campaign=_text("lettre", f"Les sorties de la semaine {day:%V}"),
            people=People(60 + 15 * week, start=100 + 10 * week, notation=week),
        )
        for week, day in enumerate(weeks)
    )


_RECIPES: Final = (
    *_weekly(),
    Recipe(
        "anniversaires-2025-11",
        "2025-11-12",
        _text("anniversaires", "Bon anniversaire, {{ prenom }} !"),
        People(180),
    ),
    Recipe("noel-2025", "2025-12-15", _image("noel-2025", "Joyeux Noël !"), People(450)),
    Recipe(
        "noel-2025-relance",
        "2025-12-22",
        _image("noel-2025", "Noël, c'est jeudi !"),
        People(300),
        faults={2: "credits:50"},
        needs_person=True,
    ),
    Recipe(
        "soldes-2026",
        "2026-01-05",
        _text("soldes", "Les soldes commencent", send_at="2026-01-07 09:30:00"),
        People(260, start=200),
    ),
    Recipe(
        "soldes-2026-fin",
        "2026-01-30",
        _text("soldes", "Derniers jours", send_at="2026-02-02 10:00:00"),
        People(120, start=300),
        options={"blacklist": frozenset((*OPTED_OUT, "33639980310", "33639980311"))},
    ),
    # ----- processes that die -----
    Recipe(  # nothing of request 2 had left, and its credits show it
        "voeux-2026",
        "2026-01-08",
        _image("voeux-2026", "Bonne année !"),
        People(320),
        steps=(
            killed("after fact sending", 2),
            resume(),
            wait(hours=3),
            reconcile(release=True),
            resume(),
        ),
    ),
    Recipe(  # all of it had been sent, and nobody heard the answer
        "concert-2026",
        "2026-02-10",
        _image("concert-2026", "Concert vendredi"),
        People(330, opted_out=()),
        steps=(killed("before fact answer", 2), wait(days=1), reconcile(confirm=True)),
        unheard=frozenset({2}),
        settled_as_sent=True,
    ),
    Recipe(  # between two requests: nothing in doubt
        "enquete-2026",
        "2026-02-18",
        _text("enquete-2026", "Votre avis, {{ prenom }} ?"),
        People(210),
        steps=(killed("before fact sending", 3), wait(hours=1), resume()),
    ),
    Recipe(  # the answer was never on the disk, and nobody has looked since
        "galerie-2026",
        "2026-02-25",
        _image("galerie-2026", "Nouvelle exposition"),
        People(240),
        steps=(killed("before fact answer", 2),),
        unheard=frozenset({2}),
        needs_person=True,
        unwritten=True,
    ),
    # ----- answers that are lost -----
    Recipe(
        "portes-ouvertes-2026",
        "2026-03-03",
        _text("portes-ouvertes", "Portes ouvertes samedi"),
        People(420),
        faults={2: "close:after"},
        needs_person=True,
    ),
    Recipe(
        "portes-ouvertes-2026-rappel",
        "2026-03-06",
        _text("portes-ouvertes", "C'est demain"),
        People(300),
        faults={2: "process:none,close:after"},
        steps=(send(), wait(hours=2), reconcile(release=True), resume()),
    ),
    Recipe(
        "cuisine-2026",
        "2026-03-17",
        _text("cuisine-2026", "Un cours de cuisine"),
        People(280, opted_out=()),
        faults={2: "process:all,reset:after"},
        steps=(send(), wait(hours=2), reconcile(confirm=True)),
        settled_as_sent=True,
    ),
    Recipe(
        "printemps-2026",
        "2026-03-24",
        _image("printemps-2026", "C'est le printemps"),
        People(290),
        faults={2: "process:70,close:after"},
        steps=(
            send(),
            wait(days=2),
            settle(2, "sent", "the vendor's back office lists 70 of them"),
        ),
        settled_as_sent=True,
    ),
    Recipe(
        "paques-2026",
        "2026-04-02",
        _image("paques-2026", "Joyeuses Pâques"),
        People(310, regular_first=True),
        faults={1: "process:none,http:504"},
        steps=(send(), wait(days=1), settle(1, "resend", "not in the back office"), resume()),
    ),
    Recipe(
        "musique-2026",
        "2026-06-19",
        _image("musique-2026", "Fête de la musique"),
        People(500, regular_first=True),
        faults={2: "process:50,http:504"},
        steps=(send(workers=2, on_doubt="continue"),),
        needs_person=True,
    ),
    # ----- refusals -----
    Recipe(
        "sondage-2026",
        "2026-04-14",
        _text("sondage-2026", "Une question, {{ prenom }}"),
        People(150),
        faults={2: "status:109"},
        needs_person=True,
    ),
    Recipe(
        "mai-2026",
        "2026-05-04",
        _text("mai-2026", "Le programme de mai"),
        People(350),
        faults={2: "credits:0"},
        steps=(send(), wait(days=3), top_up(10_000), resume()),
    ),
    Recipe(
        "jardin-2026",
        "2026-05-20",
        _text("jardin-2026", "Rendez-vous au jardin"),
        People(130),
        faults={1: "lose-id:5"},
        needs_person=True,
    ),
    # ----- and the rest -----
    Recipe(
        "juin-2026",
        "2026-06-02",
        _text("juin-2026", "Le programme de juin"),
        People(410),
        steps=(broken_off(after=2), wait(minutes=20), resume()),
    ),
    Recipe(  # a list of people who opted out: the gateway finds no number left
        "rentree-2026-essai",
        "2026-08-24",
        _text("rentree-2026", "Essai"),
        People(0, notation=2),
        options={"blacklist": frozenset((*OPTED_OUT, REGULAR))},
    ),
    Recipe(
        "rentree-2026",
        "2026-08-26",
        mms.Campaign("rentree-2026", mms.Video("La rentrée", "http://www.example.com/r.3gp", 12)),
        People(220, notation=3),
        options={"blacklist": frozenset((*OPTED_OUT, REGULAR))},
    ),
)

RECIPES: Final = tuple(sorted(_RECIPES, key=lambda recipe: recipe.day))
"""In the order of time."""
