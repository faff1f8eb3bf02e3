"""What the methods of a report rest on: works by key, as a line of a reference list and as BibTeX.

A text cites a work by author and year, as people write ("Holm, 1979"); ``citations`` makes numbers of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TITLE = "nightwatt: controlled, repeated energy measurements of machine-learning workloads"


@dataclass(frozen=True)
class Work:
    """One published work, or a program."""

    key: str
    cited: tuple[str, ...]
    """How texts name its authors: "Long and Ervin"; the year follows."""
    authors: tuple[str, ...]
    """Each as "Family, A. B."."""
    title: str
    year: int | None
    within: str = ""
    """Journal, proceedings, or publisher."""
    volume: str = ""
    number: str = ""
    pages: str = ""
    doi: str = ""
    kind: str = "article"
    """article | book | inproceedings | software, as BibTeX has them"""

    @property
    def text(self) -> str:
        """A line of a list of references."""
        issue = f"({self.number})" if self.number else ""
        volume = f" {self.volume}{issue}" if self.volume else ""
        pages = f":{self.pages}" if self.pages and self.volume else f", pp. {self.pages}" if self.pages else ""
        where = f" {self.within}{volume}{pages}" if self.within else ""
        year = "" if self.year is None else f"{',' if where else ''} {self.year}"
        stop = "." if where or year else ""
        doi = f" doi:{self.doi}" if self.doi else ""
        return f"{', '.join(_turned(name) for name in self.authors)}. {self.title}.{where}{year}{stop}{doi}"

    @property
    def bibtex(self) -> str:
        """Its entry for BibTeX."""
        home = {"article": "journal", "book": "publisher", "inproceedings": "booktitle"}.get(self.kind, "howpublished")
        given = {
            "author": " and ".join(f"{{{name}}}" if "," not in name else name for name in self.authors),
            "title": f"{{{self.title}}}",
            home: self.within,
            "year": "" if self.year is None else str(self.year),
            "volume": self.volume,
            "number": self.number,
            "pages": self.pages.replace("–", "--"),
            "doi": self.doi,
        }
        kind = "misc" if self.kind == "software" else self.kind
        body = "".join(f"  {name} = {{{_tex(value)}}},\n" for name, value in given.items() if value)
        return f"@{kind}{{{self.key},\n{body}}}\n"


def _turned(name: str) -> str:
    """Family, given -> given family."""
    family, _, given = name.partition(", ")
    return f"{given} {family}" if given else family


def _tex(text: str) -> str:
    return text.replace("&", r"\&").replace("–", "--").replace("’", "'")


def program(version: str) -> Work:
    """Nightwatt itself, as CITATION.cff asks to be cited."""
    title = f"{_TITLE}, version {version}" if version else _TITLE
    return Work("nightwatt", ("nightwatt",), ("the nightwatt authors",), title, None, kind="software")


def bibliography(works: Iterable[Work]) -> str:
    """A BibTeX file."""
    return "\n".join(work.bibtex for work in works)


_BIOMETRIKA, _JASA = "Biometrika", "Journal of the American Statistical Association"
_JEBS = "Journal of Educational and Behavioral Statistics"

WORKS: Mapping[str, Work] = {
    work.key: work
    for work in (
        Work("student1908", ("Student",), ("Student",), "The probable error of a mean", 1908,
             _BIOMETRIKA, "6", "1", "1–25", "10.1093/biomet/6.1.1"),
        Work("welch1947", ("Welch",), ("Welch, B. L.",), "The generalization of ‘Student’s’ problem when several "
             "different population variances are involved", 1947, _BIOMETRIKA, "34", "1–2", "28–35",
             "10.1093/biomet/34.1-2.28"),
        Work("yuen1974", ("Yuen",), ("Yuen, K. K.",), "The two-sample trimmed t for unequal population variances", 1974,
             _BIOMETRIKA, "61", "1", "165–170", "10.1093/biomet/61.1.165"),
        Work("wilcoxon1945", ("Wilcoxon",), ("Wilcoxon, F.",), "Individual comparisons by ranking methods", 1945,
             "Biometrics Bulletin", "1", "6", "80–83", "10.2307/3001968"),
        Work("mannwhitney1947", ("Mann and Whitney",), ("Mann, H. B.", "Whitney, D. R."), "On a test of whether one of "
             "two random variables is stochastically larger than the other", 1947, "Annals of Mathematical Statistics",
             "18", "1", "50–60", "10.1214/aoms/1177730491"),
        Work("brunnermunzel2000", ("Brunner and Munzel",), ("Brunner, E.", "Munzel, U."), "The nonparametric "
             "Behrens-Fisher problem: asymptotic theory and a small-sample approximation", 2000, "Biometrical Journal",
             "42", "1", "17–25"),
        Work("shapirowilk1965", ("Shapiro and Wilk",), ("Shapiro, S. S.", "Wilk, M. B."), "An analysis of variance "
             "test for normality (complete samples)", 1965, _BIOMETRIKA, "52", "3–4", "591–611",
             "10.1093/biomet/52.3-4.591"),
        Work("friedman1937", ("Friedman",), ("Friedman, M.",), "The use of ranks to avoid the assumption of normality "
             "implicit in the analysis of variance", 1937, _JASA, "32", "200", "675–701",
             "10.1080/01621459.1937.10503522"),
        Work("kruskalwallis1952", ("Kruskal and Wallis",), ("Kruskal, W. H.", "Wallis, W. A."), "Use of ranks in "
             "one-criterion variance analysis", 1952, _JASA, "47", "260", "583–621", "10.1080/01621459.1952.10483441"),
        Work("brownforsythe1974", ("Brown and Forsythe",), ("Brown, M. B.", "Forsythe, A. B."), "Robust tests for the "
             "equality of variances", 1974, _JASA, "69", "346", "364–367", "10.1080/01621459.1974.10482955"),
        Work("spearman1904", ("Spearman",), ("Spearman, C.",), "The proof and measurement of association between two "
             "things", 1904, "American Journal of Psychology", "15", "1", "72–101", "10.2307/1412159"),
        Work("tate1954", ("Tate",), ("Tate, R. F.",), "Correlation between a discrete and a continuous variable: "
             "point-biserial correlation", 1954, "Annals of Mathematical Statistics", "25", "3", "603–607",
             "10.1214/aoms/1177728730"),
        Work("telschowschwartzman2022", ("Telschow and Schwartzman",), ("Telschow, F. J. E.", "Schwartzman, A."),
             "Simultaneous confidence bands for functional data using the Gaussian kinematic formula", 2022,
             "Journal of Statistical Planning and Inference", "216", "", "70–94", "10.1016/j.jspi.2021.05.008"),
        Work("dunn1964", ("Dunn",), ("Dunn, O. J.",), "Multiple comparisons using rank sums", 1964, "Technometrics",
             "6", "3", "241–252", "10.1080/00401706.1964.10490181"),
        Work("dunnett1955", ("Dunnett",), ("Dunnett, C. W.",), "A multiple comparison procedure for comparing several "
             "treatments with a control", 1955, _JASA, "50", "272", "1096–1121", "10.1080/01621459.1955.10501294"),
        Work("gameshowell1976", ("Games and Howell",), ("Games, P. A.", "Howell, J. F."), "Pairwise multiple "
             "comparison procedures with unequal N’s and/or variances: a Monte Carlo study", 1976,
             "Journal of Educational Statistics", "1", "2", "113–125", "10.3102/10769986001002113"),
        Work("holm1979", ("Holm",), ("Holm, S.",), "A simple sequentially rejective multiple test procedure", 1979,
             "Scandinavian Journal of Statistics", "6", "2", "65–70"),
        Work("benjaminihochberg1995", ("Benjamini and Hochberg",), ("Benjamini, Y.", "Hochberg, Y."), "Controlling the "
             "false discovery rate: a practical and powerful approach to multiple testing", 1995,
             "Journal of the Royal Statistical Society B", "57", "1", "289–300", "10.1111/j.2517-6161.1995.tb02031.x"),
        Work("schuirmann1987", ("Schuirmann",), ("Schuirmann, D. J.",), "A comparison of the two one-sided tests "
             "procedure and the power approach for assessing the equivalence of average bioavailability", 1987,
             "Journal of Pharmacokinetics and Biopharmaceutics", "15", "6", "657–680", "10.1007/BF01068419"),
        Work("longervin2000", ("Long and Ervin",), ("Long, J. S.", "Ervin, L. H."), "Using heteroscedasticity "
             "consistent standard errors in the linear regression model", 2000, "The American Statistician", "54", "3",
             "217–224", "10.1080/00031305.2000.10474549"),
        Work("sen1968", ("Sen",), ("Sen, P. K.",), "Estimates of the regression coefficient based on Kendall’s tau",
             1968, _JASA, "63", "324", "1379–1389", "10.1080/01621459.1968.10480934"),
        Work("williams1949", ("Williams",), ("Williams, E. J.",), "Experimental designs balanced for the estimation of "
             "residual effects of treatments", 1949, "Australian Journal of Scientific Research A", "2", "2",
             "149–168"),
        Work("cohen1988", ("Cohen",), ("Cohen, J.",), "Statistical Power Analysis for the Behavioral Sciences, 2nd ed",
             1988, "Lawrence Erlbaum", kind="book"),
        Work("hedges1981", ("Hedges",), ("Hedges, L. V.",), "Distribution theory for Glass’s estimator of effect size "
             "and related estimators", 1981, "Journal of Educational Statistics", "6", "2", "107–128",
             "10.3102/10769986006002107"),
        Work("cliff1993", ("Cliff",), ("Cliff, N.",), "Dominance statistics: ordinal analyses to answer ordinal "
             "questions", 1993, "Psychological Bulletin", "114", "3", "494–509", "10.1037/0033-2909.114.3.494"),
        Work("fengcliff2004", ("Feng and Cliff",), ("Feng, D.", "Cliff, N."), "Monte Carlo evaluation of ordinal d "
             "with improved confidence interval", 2004, "Journal of Modern Applied Statistical Methods", "3", "2",
             "322–332", "10.22237/jmasm/1099267560"),
        Work("varghadelaney2000", ("Vargha and Delaney",), ("Vargha, A.", "Delaney, H. D."), "A critique and "
             "improvement of the CL common language effect size statistics of McGraw and Wong", 2000, _JEBS, "25", "2",
             "101–132", "10.3102/10769986025002101"),
        Work("vanelteren1960", ("van Elteren",), ("van Elteren, P. H.",), "On the combination of independent "
             "two-sample tests of Wilcoxon", 1960, "Bulletin of the International Statistical Institute", "37", "3",
             "351–361"),
        Work("cochran1977", ("Cochran",), ("Cochran, W. G.",), "Sampling Techniques, 3rd ed", 1977, "Wiley",
             kind="book"),
        Work("efron1979", (), ("Efron, B.",), "Bootstrap methods: another look at the jackknife", 1979,
             "The Annals of Statistics", "7", "1", "1–26", "10.1214/aos/1176344552"),
        Work("efron1987", ("Efron",), ("Efron, B.",), "Better bootstrap confidence intervals", 1987, _JASA, "82", "397",
             "171–185", "10.1080/01621459.1987.10478410"),
        Work("iglewiczhoaglin1993", ("Iglewicz and Hoaglin",), ("Iglewicz, B.", "Hoaglin, D. C."), "How to Detect and "
             "Handle Outliers", 1993, "ASQC Quality Press", kind="book"),
        Work("blandaltman1986", ("Bland and Altman",), ("Bland, J. M.", "Altman, D. G."), "Statistical methods for "
             "assessing agreement between two methods of clinical measurement", 1986, "The Lancet", "327", "8476",
             "307–310", "10.1016/S0140-6736(86)90837-8"),
        Work("scipy", ("SciPy",), ("Virtanen, P.", "others"), "SciPy 1.0: fundamental algorithms for scientific "
             "computing in Python", 2020, "Nature Methods", "17", "", "261–272", "10.1038/s41592-019-0686-2"),
        Work("statsmodels", ("statsmodels",), ("Seabold, S.", "Perktold, J."), "statsmodels: econometric and "
             "statistical modeling with Python", 2010, "Proceedings of the 9th Python in Science Conference", "", "",
             "92–96", "10.25080/Majora-92bf1922-011", kind="inproceedings"),
        Work("numpy", ("NumPy",), ("Harris, C. R.", "others"), "Array programming with NumPy", 2020, "Nature", "585",
             "", "357–362", "10.1038/s41586-020-2649-2"),
    )
}  # fmt: skip
"""Every work that a report can cite."""
