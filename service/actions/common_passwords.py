"""Passwords of twelve letters and more that everybody tries first (ASVS 5.0 6.2.4): as written, or with digits behind."""

from __future__ import annotations

import re

COMMON = frozenset(
    """
    password password passwordpassword passw0rdpassw0rd mypasswordis iloveyou iloveyouiloveyou iloveyouforever iloveyousomuch
    qwertyuiop qwertyuiopasdf qwertyuiopasdfghjkl asdfghjkl asdfghjklzxcvbnm zxcvbnm qwertyqwerty qwerty qwertyasdfgh qwertyazerty
    administrator adminadminadmin adminadmin adminpassword administration changeme changemechangeme changemenow pleasechangeme
    welcome welcomewelcome welcometothe letmein letmeinletmein letmeinplease opensesame trustno footballfootball football baseball
    basketball princess princessprincess sunshine sunshinesunshine superman supermansuper batman spiderman starwars dragondragon dragon
    monkeymonkey monkey shadowshadow master masterofpuppets michaeljackson michelangelo christopher chocolate strawberry butterfly
    watermelon pneumonia liverpool manchester chelseafootball california washington philadelphia australia
    correcthorsebatterystaple correcthorse thequickbrownfox tobeornottobe nothingtosee
    nurse nursenurse nurses nursing nursingstation hospital hospitalhospital clinic clinicclinic healthcare patient patients doctor
    rounds roundsrounds medicine emergency cardiology florencenightingale casemanager casemanagement
    contrasena contrasenacontrasena contrasenasegura enfermera enfermeraenfermera teamo teamomucho teamoteamo bienvenido bienvenidos
    """.split()
)
_KEYS = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")


def is_common(password: str) -> bool:
    """True for a common word with or without digits and signs around it, a run of neighbouring keys, and few letters over and over."""
    plain = password.lower().replace(" ", "").translate(str.maketrans("@$", "as"))
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    if core in COMMON or core.translate(str.maketrans("013457", "oleast")) in COMMON or len(set(plain)) < 5:
        return True
    run = re.sub(r"[\W_]", "", plain)
    return any(run in keys * 3 or run in keys[::-1] * 3 for keys in _KEYS)
