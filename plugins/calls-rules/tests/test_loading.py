"""The file of rules, and how Calls finds the plugin."""

import json
import logging
import re
from pathlib import Path

import pytest
from calls_adapters.plugins import Plugin, choose_analyzers, load_plugins
from calls_core.findings import Segment, Transcript
from calls_core.hookspecs import AnalysisOptions
from calls_rules import RulesAnalyzer, read_rules

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
RULE = '[[rule]]\nname = "it"\n'
SOME = RULE + "duration_above_sec = 1\n"


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def offered() -> Plugin:
    [plugin] = [plugin for plugin in load_plugins(AnalysisOptions()) if plugin.distribution == "calls-rules"]
    return plugin


def test_the_example_of_the_readme(tmp_path: Path) -> None:
    """It is read as it stands there, with the mark that some editors put first, and finds what the README shows."""
    path = tmp_path / "rules.toml"
    path.write_text(example("toml"), "utf-8-sig")
    rules = read_rules(path)
    shown = json.loads(example("json"))
    assert len(rules) == shown["rules"] == 7
    segment = Segment(start_sec=2.5, end_sec=3.4, text="У меня жалоба.", channel=1)
    found = RulesAnalyzer(rules).check({"ai": Transcript(text="", segments=(segment,))}).values
    [hit] = [hit for hit in found["hits"] if hit["rule"] == "complaint"]
    assert hit == {**shown["hits"][0], "evidence": [{**shown["hits"][0]["evidence"][0], "end_sec": 3.4}]}
    assert shown["not_checked"][0] in found["not_checked"]
    assert found["categories"] == shown["categories"]
    assert found.keys() == shown.keys()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[[rule]\n", "is not TOML: "),
        (b"\xff\xfe", "is not UTF-8"),
        ("[[rules]]\n", "unknown key 'rules'; a rule begins with [[rule]]"),
        ('[rule]\nname = "it"\n', "in two pairs of brackets"),
        ("rule = [1]\n", "in two pairs of brackets"),
        ('[[rule]]\ntags = ["a"]\n', "rule 1: Object missing required field `name`"),
        (SOME + SOME, "rule 'it': there are several of that name"),
        (RULE, "rule 'it': has no condition"),
        (RULE + 'sayed = ["a"]\n', "rule 'it': Object contains unknown field `sayed`"),
        (RULE + "name2 = 1\n", "rule 'it': Object contains unknown field `name2`"),
        (
            RULE + 'dead_air_above_sec = "5"\n',
            "rule 'it': Expected `float | null`, got `str` - at `$.dead_air_above_sec`",
        ),
        (RULE + "dead_air_above_sec = -1\n", "`$.dead_air_above_sec`"),
        (RULE + "dead_air_above_sec = nan\n", "`$.dead_air_above_sec`"),
        (RULE + "dead_air_above_sec = inf\n", "`$.dead_air_above_sec`"),
        (RULE + "talk_share_above = { channel = 0, share = 70 }\n", "`$.talk_share_above.share`"),
        (RULE + "talk_share_above = { share = 0.7 }\n", "missing required field `channel` - at `$.talk_share_above`"),
        (RULE + 'said = ["hello"]\n', "`$.said[0]`"),
        (RULE + 'said = { any_of = ["hello"] }\n', "`$.said`"),
        (RULE + "said = []\n", "rule 'it': said is empty"),
        (RULE + "said = [{ any_of = [] }]\n", "`$.said[0].any_of`"),
        (RULE + "said = [{ channel = 0 }]\n", "rule 'it': said: needs either any_of or all_of"),
        (RULE + 'said = [{ any_of = ["a"], all_of = ["b"] }]\n', "said: needs either any_of or all_of"),
        (RULE + 'not_said = [{ any_of = ["a", "?!"] }]\n', "rule 'it': not_said: '?!' has no word"),
        (RULE + 'said = [{ any_of = ["a"], first_sec = 1, last_sec = 1 }]\n', "has both first_sec and last_sec"),
        (RULE + "duration_above_sec = 60\nduration_below_sec = 10\n", "must be less than duration_below_sec"),
        (SOME + 'tags = [" a"]\n', "rule 'it': tags: ' a' has space around it"),
        (SOME + 'tags = [""]\n', "rule 'it': tags: '' must have 1 to 64 characters"),
        (SOME + f'category = "{"a" * 65}"\n', "rule 'it': category must have 1 to 64 characters"),
        (SOME + f"tags = {[str(n) for n in range(33)]}\n", "rule 'it': tags: there must be at most 32"),
    ],
    ids=lambda given: str(given)[:50],
)
def test_a_mistake_is_told_with_file_rule_and_key(content: str | bytes, says: str, tmp_path: Path) -> None:
    """In one line."""
    path = tmp_path / "rules.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        read_rules(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_finding_tells_which_rules_made_it(tmp_path: Path) -> None:
    """Other rules are another version of the analyzer; the same rules, written otherwise, are the same."""
    path = tmp_path / "rules.toml"
    versions = []
    for content in (SOME, SOME + "\n# a remark\n", SOME.replace("= 1", "= 2")):
        path.write_text(content)
        versions.append(RulesAnalyzer(read_rules(path)).version)
    assert versions[0] == versions[1] != versions[2]


@pytest.mark.parametrize("value", [None, "", " "])
def test_calls_finds_it_without_rules(
    value: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Installed beside Calls it is offered by its entry point, and a log line says that it has no rules."""
    monkeypatch.delenv("CALLS_RULES_FILE", raising=False)
    if value is not None:
        monkeypatch.setenv("CALLS_RULES_FILE", value)
    with caplog.at_level(logging.INFO, "calls.rules"):
        plugin = offered()
    assert plugin.error is None
    assert [analyzer.name for analyzer in choose_analyzers([plugin], ["rules"])] == ["rules"]
    assert "CALLS_RULES_FILE is not set: the analyzer rules has no rules" in caplog.messages


def test_calls_finds_it_with_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the environment names is read once, at the start."""
    (tmp_path / "rules.toml").write_text(SOME)
    monkeypatch.setenv("CALLS_RULES_FILE", str(tmp_path / "rules.toml"))
    [analyzer] = offered().analyzers
    assert isinstance(analyzer, RulesAnalyzer)
    assert [rule.name for rule in analyzer.rules] == ["it"]


def test_a_mistake_keeps_only_this_plugin_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls starts with its other analyzers and says what is wrong; asked for rules, it says the same."""
    path = tmp_path / "missing.toml"
    monkeypatch.setenv("CALLS_RULES_FILE", str(path))
    assert offered().error == f"ValueError: {path}: cannot be read: No such file or directory"
    plugins = load_plugins(AnalysisOptions())
    assert [analyzer.name for analyzer in choose_analyzers(plugins, ["signal"])] == ["signal"]
    with pytest.raises(ValueError, match=re.escape(f"broken plugins: rules (ValueError: {path}")):
        choose_analyzers(plugins, ["rules"])
