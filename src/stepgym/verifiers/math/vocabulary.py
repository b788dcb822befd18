"""The words and commands the reader of answers knows."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


FUNCTIONS = words(
    "sin cos tan cot sec csc sinh cosh tanh coth sech csch arcsin arccos arctan arccot arcsec arccsc asin acos atan "
    "arcsinh arccosh arctanh asinh acosh atanh log ln lg exp sqrt cbrt abs floor ceil ceiling round factorial "
    "binomial binom comb gcd lcm min max sgn sign re im arg det mod"
)
FUNCTION_ALIASES = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "ceiling": "ceil",
    "binom": "binomial",
    "comb": "binomial",
    "sign": "sgn",
}
GREEK = words(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell hbar aleph nabla partial "
    "triangle square circ bullet star heartsuit spadesuit clubsuit diamondsuit"
)

# What a LaTeX command is to the grammar: (token kind, value).
COMMANDS: dict[str, tuple[str, str]] = {
    **{name: ("s", "\\" + name) for name in GREEK},
    **{name: ("f", FUNCTION_ALIASES.get(name, name)) for name in FUNCTIONS - {"sqrt", "binom", "mod"}},
    "pi": ("c", "pi"),
    "infty": ("c", "inf"),
    "imath": ("c", "i"),
    "sqrt": ("L", "sqrt"),
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac", "sfrac", "nicefrac"), ("L", "frac")),
    **dict.fromkeys(("binom", "dbinom", "tbinom"), ("L", "binom")),
    **dict.fromkeys(("cdot", "times", "ast"), ("o", "*")),
    "div": ("o", "/"),
    **dict.fromkeys(("le", "leq", "leqslant", "leqq"), ("r", "<=")),
    **dict.fromkeys(("ge", "geq", "geqslant", "geqq"), ("r", ">=")),
    "lt": ("r", "<"),
    "gt": ("r", ">"),
    **dict.fromkeys(("ne", "neq"), ("r", "!=")),
    **dict.fromkeys(("approx", "simeq", "cong", "sim", "thickapprox"), ("r", "~")),
    "equiv": ("r", "=="),
    "in": ("r", "in"),
    "pm": ("o", "pm"),
    "mp": ("o", "mp"),
    "cup": ("o", "cup"),
    "bigcup": ("o", "cup"),
    "cap": ("o", "cap"),
    "setminus": ("o", "setminus"),
    "backslash": ("o", "setminus"),
    "smallsetminus": ("o", "setminus"),
    "mid": ("o", "|"),
    "vert": ("o", "|"),
    "lvert": ("o", "|"),
    "rvert": ("o", "|"),
    "lVert": ("o", "||"),
    "rVert": ("o", "||"),
    "Vert": ("o", "||"),
    "lfloor": ("o", "lfloor"),
    "rfloor": ("o", "rfloor"),
    "lceil": ("o", "lceil"),
    "rceil": ("o", "rceil"),
    "langle": ("o", "langle"),
    "rangle": ("o", "rangle"),
    "lbrace": ("o", "\\{"),
    "rbrace": ("o", "\\}"),
    "lbrack": ("o", "["),
    "rbrack": ("o", "]"),
    "colon": ("o", ":"),
    "emptyset": ("e", "empty"),
    "varnothing": ("e", "empty"),
    "pmod": ("L", "pmod"),
    "bmod": ("o", "bmod"),
    "mod": ("o", "bmod"),
    "ldots": ("d", "..."),
    "dots": ("d", "..."),
    "cdots": ("d", "..."),
    "dotsc": ("d", "..."),
    "dotsb": ("d", "..."),
    "degree": ("o", "deg"),
    "deg": ("o", "deg"),
    "prime": ("o", "'"),
    "land": ("k", "and"),
    "wedge": ("k", "and"),
    "lor": ("k", "or"),
    "vee": ("k", "or"),
    "quad": ("_", ""),
    "qquad": ("_", ""),
    "cr": ("o", "row"),
    "choose": ("o", "choose"),
}
# Commands that change how something looks; their argument, if any, is read as if they were not there.
INVISIBLE = words(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm displaystyle textstyle "
    "scriptstyle limits nolimits rm it bf sf tt sc large Large normalsize small boxed fbox ensuremath mathstrut "
    "mathbf mathit boldsymbol bm mathcal mathsf mathtt overline underline widehat hat vec overrightarrow tilde bar "
    "overleftarrow nonumber notag strut null thinspace hfill space mathopen mathclose mathord mathrel angle "
    "measuredangle"
)
TEXT_COMMANDS = words(
    "text mbox hbox textbf textit textrm textnormal textsf texttt textsc emph textup mathrm operatorname"
)
DROP_WITH_ARGUMENT = words("phantom hphantom vphantom hspace vspace color textcolor tag label hskip")
# Commands that no answer needs and that could define or read something elsewhere.
REFUSED = words("def newcommand renewcommand input include let catcode write read csname expandafter loop")
OPAQUE = words("sum prod int iint iiint oint lim limsup liminf sup inf bigoplus")

CHARACTERS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "－": "-", "＋": "+", "＝": "=", "（": "(", "）": ")",
    "，": ", ", "。": ". ", "：": ":", "；": ";", "％": "%", "．": ".", "／": "/", "｜": "|", "＜": "<", "＞": ">",
    "×": "\\times ", "·": "\\cdot ", "∙": "\\cdot ", "⋅": "\\cdot ", "∗": "*", "÷": "/", "∕": "/", "⁄": "/",
    "π": "\\pi ", "𝜋": "\\pi ", "∞": "\\infty ", "√": "\\sqrt ", "∛": "\\sqrt[3] ",
    "≤": "\\le ", "≥": "\\ge ", "⩽": "\\le ", "⩾": "\\ge ", "≠": "\\ne ", "≈": "\\approx ", "≅": "\\cong ",
    "≡": "\\equiv ", "∈": "\\in ", "∪": "\\cup ", "∩": "\\cap ", "∖": "\\setminus ", "∅": "\\emptyset ",
    "∧": "\\land ", "∨": "\\lor ", "⌊": "\\lfloor ", "⌋": "\\rfloor ", "⌈": "\\lceil ", "⌉": "\\rceil ",
    "⟨": "\\langle ", "⟩": "\\rangle ", "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}", "ℚ": "\\mathbb{Q}",
    "ℕ": "\\mathbb{N}", "ℂ": "\\mathbb{C}",
    "±": "\\pm ", "∓": "\\mp ", "°": "^\\circ ", "º": "^\\circ ", "′": "'", "’": "'", "‘": "'", "…": "\\ldots ",
    "⁰": "^{0}", "¹": "^{1}", "²": "^{2}", "³": "^{3}", "⁴": "^{4}", "⁵": "^{5}", "⁶": "^{6}", "⁷": "^{7}",
    "⁸": "^{8}", "⁹": "^{9}", "ⁿ": "^{n}",
    "₀": "_{0}", "₁": "_{1}", "₂": "_{2}", "₃": "_{3}", "₄": "_{4}", "₅": "_{5}", "₆": "_{6}", "₇": "_{7}",
    "₈": "_{8}", "₉": "_{9}",
    "½": "\\frac{1}{2}", "⅓": "\\frac{1}{3}", "⅔": "\\frac{2}{3}", "¼": "\\frac{1}{4}", "¾": "\\frac{3}{4}",
    "⅕": "\\frac{1}{5}", "⅖": "\\frac{2}{5}", "⅗": "\\frac{3}{5}", "⅘": "\\frac{4}{5}", "⅙": "\\frac{1}{6}",
    "⅚": "\\frac{5}{6}", "⅛": "\\frac{1}{8}", "⅜": "\\frac{3}{8}", "⅝": "\\frac{5}{8}", "⅞": "\\frac{7}{8}",
    "€": "\\text{euros}", "¢": "\\text{cents}", "£": "\\text{pounds}", "¥": "\\text{yen}", "₹": "\\text{rupees}",
    "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2002": " ", "\u2003": " ", "\u200a": " ", "\u3000": " ",
    "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "", "\u2061": "", "\u2062": "",
    "\u200e": "", "\u200f": "", "\u202a": "", "\u202b": "", "\u202c": "", "\u2066": "", "\u2067": "", "\u2069": "",
    "α": "\\alpha ", "β": "\\beta ", "γ": "\\gamma ", "δ": "\\delta ", "ε": "\\epsilon ", "θ": "\\theta ",
    "λ": "\\lambda ", "μ": "\\mu ", "ρ": "\\rho ", "σ": "\\sigma ", "τ": "\\tau ", "φ": "\\phi ", "ω": "\\omega ",
    "ψ": "\\psi ", "Δ": "\\Delta ", "Ω": "\\Omega ", "∆": "\\Delta ",
}  # fmt: skip
CHARACTER_MAP = str.maketrans(CHARACTERS)

NUMBER_WORDS = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}

ORDINALS = {
    word: value
    for value, word in enumerate(
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"], start=1
    )
}
MULTIPLIERS = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

# Words of up to three letters that are not products of variables.
SHORT_WORDS = words(
    "so is it its not the was are has had but all no yes any one two by of to at as an we he she him her his you our "
    "us can may did do does for from get got how if than that then this too who why out off per put say see set due "
    "odd add sum won win men man boy day cat dog car bus box boxes cup cups age old new red big low way try use now "
    "none true false east west june july may am pm ok my me be go up let"
)
