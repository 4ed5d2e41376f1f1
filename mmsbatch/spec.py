"""The constants of the AllMySMS MMS gateway's document, each with its section. Pure.

Section numbers (``§1.4``) are those of the vendor's document "module http MMS". Where the document
contradicts itself, the comment says which side is taken and why; nothing here was ever confirmed
against the live gateway.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# ----- addresses -------------------------------------------------------------------------------

DEFAULT_URL: Final = "https://api.msinnovations.com"
"""§1.1 prints ``http://``; the passcode travels in the body, so https is asked for."""

SEND_PATH: Final = "/amsmodule.sendmms.v2.php"  # §1.1
ACCOUNT_PATH: Final = "/amsmodule.sendsms.v6.php"
"""§3.1 names v6 in its text and v2 in its example: the text wins."""

FIELD_LOGIN: Final = "clientcode"  # §1.1
FIELD_PASSCODE: Final = "passcode"  # §1.1
FIELD_XML: Final = "XMLFlow"  # §1.1
FIELD_INFO: Final = "info"  # §3.1

MAX_RECIPIENTS_PER_REQUEST: Final = 200
"""§1.1 asks for requests of 200 from 2,000 on, because a longer one may be cut off while it sends;
the reason holds for every number, so 200 is the limit throughout."""

# ----- contents --------------------------------------------------------------------------------


class ContentKind(StrEnum):
    """What is sent (§1.2). The value is the word of campaign files."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    SOUND = "sound"
    SOUND_IMAGE = "sound+image"


MSGCLASS: Final = {
    ContentKind.TEXT: 0,
    ContentKind.IMAGE: 1,
    ContentKind.VIDEO: 2,
    ContentKind.SOUND: 3,
    ContentKind.SOUND_IMAGE: 4,  # §1.2 in the prose only: no example block shows it
}

MAX_MESSAGE_LENGTH: Final = {
    ContentKind.TEXT: 1000,
    ContentKind.IMAGE: 100,
    ContentKind.VIDEO: 100,
    ContentKind.SOUND: 100,
    ContentKind.SOUND_IMAGE: 100,
}
"""§1.2, in characters; a line break counts twice (§1.3)."""

KILOBYTE: Final = 1000
""""Ko" may mean 1000 or 1024 bytes: the smaller is never refused."""


@dataclass(frozen=True)
class MediumLimits:
    """What §1.2 allows for one medium."""

    extensions: tuple[str, ...]
    certain_bytes: int
    """Up to here both figures of §1.2 agree."""
    maximum_bytes: int
    """Above here both figures of §1.2 refuse."""


IMAGE: Final = MediumLimits((".gif", ".jpg", ".jpeg"), 600 * KILOBYTE, 1000 * KILOBYTE)
VIDEO: Final = MediumLimits((".3gp",), 299 * KILOBYTE, 600 * KILOBYTE)
SOUND: Final = MediumLimits((".mid", ".amr"), 99 * KILOBYTE, 600 * KILOBYTE)

MIN_DURATION_S: Final = 1
"""§1.2 allows 0; a medium of no length is meaningless and PHP's ``empty("0")`` would refuse it."""
MAX_DURATION_S: Final = 1000  # §1.2

MAX_CAMPAIGN_NAME_LENGTH: Final = 255
"""No figure in the document (§1.2); the usual width of such a column."""

DATE_FORMAT: Final = "%Y-%m-%d %H:%M:%S"  # §1.2
TIME_ZONE: Final = "Europe/Paris"
"""No zone in the document (§1.2): France only, so French wall time."""

# ----- statuses --------------------------------------------------------------------------------


class Scope(StrEnum):
    """How far a status reaches beyond its own request."""

    NOTHING = "nothing"
    """The next request may go."""
    CONTENT = "content"
    """Requests with the same content would be refused for the same reason."""
    ACCOUNT = "account"
    """Every further request of this account would be refused; another account's may go."""
    RUN = "run"
    """Every further request would be refused, or would do harm."""


@dataclass(frozen=True)
class Status:
    """One status of a table of the document, and what a batch client does about it."""

    code: int
    text: str
    section: str
    accepted: bool
    """The request was taken. False: nothing of it was sent."""
    scope: Scope
    what_to_do: str
    passing: bool = False
    """The cause lies outside of the plan (credit, a login, a medium's server): once it is mended,
    the same request may go again. If False, the same request would be refused again."""
    retry: bool = False
    """The cause may pass within seconds: the same request is tried again at once, a few times."""


def _accepted(code: int, text: str, what_to_do: str) -> Status:
    return Status(code, text, "§2.2", accepted=True, scope=Scope.NOTHING, what_to_do=what_to_do)


def _refused(
    code: int,
    text: str,
    scope: Scope,
    what_to_do: str,
    *,
    passing: bool = False,
    retry: bool = False,
    section: str = "§2.2",
) -> Status:
    return Status(
        code,
        text,
        section,
        accepted=False,
        scope=scope,
        what_to_do=what_to_do,
        passing=passing or retry,
        retry=retry,
    )


SENT: Final = 100
SCHEDULED: Final = 101
OUT_OF_CREDIT: Final = 103
NOT_ENOUGH_CREDIT: Final = 104
NO_VALID_NUMBER: Final = 123

_SENDING = (
    _accepted(SENT, "Le message a été envoyé", "read the rows with outcome 'rejected'"),
    _accepted(
        SCHEDULED,
        "Le message a été programmé pour un envoi différé",
        "nothing; a scheduled send cannot be cancelled through this gateway",
    ),
    _refused(
        102,
        "Problème de connexion - Aucun compte ne correspond aux clientcode et passcode spécifiés",
        Scope.ACCOUNT,  # trying again may lock the account
        "correct the login and passcode, then resume",
        passing=True,
    ),
    _refused(
        OUT_OF_CREDIT,
        "Crédit SMS épuisé. Veuillez recréditer votre compte sur AllMySMS.com",
        Scope.ACCOUNT,
        "buy credits, then resume",
        passing=True,
    ),
    _refused(
        NOT_ENOUGH_CREDIT,
        "Crédit insuffisant pour traiter cet envoi. A utiliser: XX Crédits, Disponibles: XX "
        "Crédits. Veuillez recréditer votre compte sur AllMySMS.com",
        Scope.ACCOUNT,  # never split by itself: that would send a part nobody chose
        "buy credits, then resume",
        passing=True,
    ),
    _refused(
        105,
        "Flux XML Vide",
        Scope.RUN,
        "look for a proxy that drops request bodies, then resume; else report a bug",
        passing=True,
    ),
    _refused(
        106,
        "Flux XML invalide ou incomplet après la balise <DATA>",
        Scope.CONTENT,
        "look for unusual characters in the message; send the rows in a new run",
    ),
    _refused(
        107,
        "Flux XML invalide ou incomplet après la balise <CLIENT>",
        Scope.ACCOUNT,
        "check that the login is the one the vendor gave, then resume",
        passing=True,
    ),
    _refused(
        108,
        "Balise <MSGCLASS> - Type du MMS non défini (vide) dans le flux XML",
        Scope.CONTENT,
        "report a bug: the kind is always sent",
    ),
    _refused(
        109,
        "Balise <MSGCLASS> - Type du MMS incorrect",
        Scope.CONTENT,
        "choose another kind; 'sound+image' is in the document's prose only",
    ),
    _refused(
        110,
        "Balise <MESSAGE>|<IMAGE>|<VIDEO>|<SON> - non défini (vide) dans le flux XML",
        Scope.CONTENT,
        "complete the campaign and send the rows in a new run",
    ),
    _refused(
        111,
        "Message trop long",
        Scope.CONTENT,
        "shorten the message (accented letters may count twice) and send in a new run",
    ),
    _refused(112, "Extension invalide", Scope.CONTENT, "use a medium of an allowed type"),
    _refused(
        113,
        "URL incorrecte",
        Scope.CONTENT,
        "use a public address that begins with http://www. and has no &",
    ),
    _refused(
        114,
        "Problème lors du téléchargement du fichier",
        Scope.CONTENT,
        "check that the medium can be downloaded by anyone, then resume",
        retry=True,
    ),
    _refused(
        115,
        "Média trop volumineux (image, son, vidéo)",
        Scope.CONTENT,
        "use a smaller file",
    ),
    _refused(
        116,
        "Impossible de se connecter au serveur pour télécharger l'image",
        Scope.CONTENT,
        "check that the image's server answers, then resume",
        retry=True,
    ),
    _refused(
        117,
        "Problème au cours du téléchargement de l'image",
        Scope.CONTENT,
        "check that the image can be downloaded by anyone, then resume",
        retry=True,
    ),
    _refused(
        118,
        "Balise <VIDEO><URL>|<SON><URL> - non définie (vide) dans le flux XML",
        Scope.CONTENT,
        "complete the campaign's video or sound address",
    ),
    _refused(
        119,
        "Balise <VIDEO><DUREE>|<SON><DUREE> - non définie (vide) dans le flux XML",
        Scope.CONTENT,
        "complete the campaign's video or sound duration",
    ),
    _refused(
        120,
        "Durée incorrect pour le son ou la vidéo",
        Scope.CONTENT,
        "give a duration from 1 to 1000 whole seconds",
    ),
    _refused(
        121,
        "Flux XML invalide ou date mal formatée entre les balises <DATE> et </DATE>",
        Scope.RUN,  # the date is the campaign's, the same in every request
        "correct send_at and send in a new run",
    ),
    _refused(
        122,
        "Flux XML invalide ou incomplet après la balise <MOBILEPHONE>",
        Scope.NOTHING,  # never bisected: that nothing was sent is only the wording's implication
        "check the numbers of this request",
    ),
    _refused(
        NO_VALID_NUMBER,
        "Aucun numéro de téléphone valide dans le flux. Veuillez vous référer à la documentation "
        "en ligne pour connaitre les formats valides.",
        Scope.NOTHING,
        "check the numbers of this request",
    ),
    _refused(
        200,
        "Vous n'avez pas l'autorisation d'utiliser ce module. Contactez le support AllMySMS pour "
        "plus de renseignements.",
        Scope.ACCOUNT,
        "ask the vendor to open the MMS module for this account, then resume",
        passing=True,
    ),
)

SENDING: Final[dict[int, Status]] = {status.code: status for status in _SENDING}
"""§2.2: the statuses of the sending endpoint, by code."""


def sending_status(code: int) -> Status:
    """Look a sending status up; one the document does not know counts as a refusal (§2.2).

    An undocumented status is read as refused only because the gateway said a status at all:
    what it says of success it says with 100 or 101.
    """
    return SENDING.get(code) or _refused(
        code, "", Scope.CONTENT, f"ask the vendor what status {code} means", section="(none)"
    )


ACTIVE: Final = 300

_ACCOUNT = (
    Status(
        SENT,
        "Compte actif",
        "§3.2",  # the example says 100, the table 300: both are read as active
        accepted=True,
        scope=Scope.NOTHING,
        what_to_do="nothing",
    ),
    Status(
        ACTIVE,
        "Compte actif",
        "§3.3",
        accepted=True,
        scope=Scope.NOTHING,
        what_to_do="nothing",
    ),
    _refused(301, "Compte inexistant", Scope.ACCOUNT, "check the login", section="§3.3"),
    _refused(
        302,
        "Vous n'avez pas accès aux informations concernant ce compte",
        Scope.NOTHING,  # sending may work all the same
        "ask for your own login",
        section="§3.3",
    ),
    _refused(303, "Compte inactif", Scope.ACCOUNT, "ask the vendor to activate it", section="§3.3"),
)

ACCOUNT: Final[dict[int, Status]] = {status.code: status for status in _ACCOUNT}
"""§3.3: the statuses of the account tool, by code."""


def account_status(code: int) -> Status:
    """Look an account status up.

    The tool is the SMS module's script, so any other code is that module's (102, 105, …); its
    meanings differ from the MMS table and none of them is an active account.
    """
    return ACCOUNT.get(code) or _refused(
        code,
        "",
        Scope.ACCOUNT,
        "check the login and passcode" if code == 102 else f"ask the vendor about status {code}",  # noqa: PLR2004
        section="§3.3",
    )


# ----- the document's sections -------------------------------------------------------------------

SECTIONS: Final = {
    "1.1": "how a request is posted: the addresses, the three form fields, GET or POST, and "
    "requests of 200 numbers where there are many",
    "1.2": "what the XML may hold: the campaign's name, the date, the kind, the message and the "
    "media, with their lengths, sizes, durations and addresses",
    "1.2.1": "the XML itself: an example of each kind",
    "1.3": "how a text is encoded: line breaks, which count twice, and €, which becomes E",
    "1.4": "how numbers are written: 06…, 336… or +336…; anything else is refused",
    "2": "what the gateway answers: its lines of KEY=value",
    "2.1": "what each line of an answer means: credits, refused numbers, IDs",
    "2.2": "the statuses of a send, 100 to 200, with their texts",
    "3.1": "how the account tool is asked",
    "3.2": "what the account tool answers",
    "3.3": "the statuses of an account, 300 to 303",
}
"""What each section that is cited is about, in this project's own words."""
