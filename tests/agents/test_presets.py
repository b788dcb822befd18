"""Presets: one name makes an environment and an agent that belong together."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import gymnasium
import pytest

import stepgym.agents.presets as rooms
from stepgym.agents import Agent, ALFWorldExpertPolicy, ChatPrompt, ScriptedPolicy, collect
from stepgym.agents.policy import Completion, Request
from stepgym.agents.presets import AgentPreset, preset, preset_names
from stepgym.agents.presets.alfworld_examples import all_examples, examples_for
from stepgym.agents.running import run_sync
from stepgym.envs.alfworld import PRESETS, TASK_TYPES, Engine, generate, generated_id
from stepgym.errors import InvalidInputError, PluginError, UnknownNameError

ENV = "stepgym:stepgym/ALFWorld-v0"
GAME = generated_id(TASK_TYPES[3], 4, difficulty="easy")
NAMES = ["oreo", "plain", "react", "verl-agent"]


class Listener:
    """A text policy that answers from a list and keeps what it was shown."""

    name = "listener"

    def __init__(self, answers: list[str]) -> None:
        self.answers = answers
        self.requests: list[Request] = []

    async def generate(self, request: Request) -> list[Completion]:
        self.requests.append(request)
        return [Completion(self.answers[len(self.requests) - 1])]


def play(agent: Agent, chosen: AgentPreset, *, steps: int) -> list[tuple[str, Completion, dict[str, Any]]]:
    """Observation, completion and the info before it, of the first steps of a game."""
    env = gymnasium.make(ENV, **chosen.env_kwargs)
    observation, info = env.reset(options={"task": GAME})
    conversation = agent.start(instructions=env.unwrapped.instructions, seed=1)
    played = []
    for _ in range(steps):
        completion = run_sync(agent.act(conversation, observation, info=info))
        played.append((observation, completion, info))
        observation, _, terminated, truncated, info = env.step(completion.text)
        if terminated or truncated:
            break
    return played


def test_names_belong_to_environments() -> None:
    assert preset_names(ENV) == preset_names("stepgym/ALFWorld-v0") == NAMES
    assert sorted(PRESETS) == NAMES, "both halves have the same names"
    assert all(preset(ENV, name).env_kwargs == {"preset": name} for name in NAMES)
    assert preset_names("mylab/None-v0") == []
    with pytest.raises(UnknownNameError, match="verl-agent"):
        preset(ENV, "verl-agnt")
    with pytest.raises(InvalidInputError, match="None-v0 has no presets"):
        preset("mylab/None-v0", "oreo")


OWN = MappingProxyType({"brief": AgentPreset("brief", prompt=ChatPrompt(system="Be brief."))})


def test_presets_of_an_environment_of_your_own_are_one_mapping() -> None:
    rooms.registry.add("mine/Env-v0", f"{__name__}:OWN")
    rooms.registry.add("mine/Wrong-v0", "json:dumps")
    assert preset_names("mine:mine/Env-v0") == ["brief"]
    agent = preset("mine/Env-v0", "brief").agent(Listener([]), temperature=0.0)
    assert agent.sampling.temperature == 0.0
    assert agent.prompt == ChatPrompt(system="Be brief.")
    with pytest.raises(PluginError, match="mapping"):
        preset("mine/Wrong-v0", "brief")


def test_oreo_is_a_chat_after_an_exchange_of_instructions() -> None:
    listener = Listener(["Thought: where?\nAction: go to fridge 1", "Thought: open.\nAction: open fridge 1", "x"])
    chosen = preset(ENV, "oreo")
    play(chosen.agent(listener), chosen, steps=3)
    told = listener.requests[2].messages
    assert [m["role"] for m in told] == ["user", "assistant"] * 3 + ["user"]
    assert "Action: one command" in told[0]["content"]
    assert "go to RECEPTACLE" in told[0]["content"]
    assert told[2]["content"].startswith("You are in the middle of a room.")
    assert told[3]["content"] == "Thought: where?\nAction: go to fridge 1"
    assert told[4]["content"] == "Observation: You arrive at fridge 1. The fridge 1 is closed."


def test_verl_agent_asks_each_step_anew_with_two_steps_and_the_commands() -> None:
    actions = ["go to fridge 1", "open fridge 1", "go to microwave 1", "open microwave 1"]
    listener = Listener([f"<think>thought {n}</think><action>{a}</action>" for n, a in enumerate(actions)])
    chosen = preset(ENV, "verl-agent")
    played = play(chosen.agent(listener), chosen, steps=4)
    for (observation, _, info), request in zip(played, listener.requests, strict=True):
        (message,) = request.messages
        assert message["role"] == "user"
        assert observation in message["content"]
        assert "<think>" in message["content"], "the answer format is the environment's"
        listed = [c for c in info["admissible_commands"] if c != "help"]
        assert f"Possible actions: {', '.join(repr(c) for c in listed)}\n" in message["content"]
    last = listener.requests[3].messages[0]["content"]
    assert "This is step 4." in last
    assert "Your task: put a hot" in last or "Your task: heat some" in last
    assert "Done in step 2: open fridge 1" in last
    assert "Done in step 3: go to microwave 1" in last
    assert "step 1:" not in last
    assert "thought" not in last
    assert "'help'" not in last
    agent = chosen.agent(Listener(["x"]))
    with pytest.raises(InvalidInputError, match="admissible_commands"):
        run_sync(agent.act(agent.start(), "observation"))


def test_react_continues_a_text_with_two_games_of_the_same_type() -> None:
    listener = Listener([" think: the fridge?\n", " go to fridge 1\n", " open fridge 1"])
    chosen = preset(ENV, "react")
    agent = chosen.agent(listener)
    played = play(agent, chosen, steps=3)
    text = agent.prompt.render(listener.requests[2].messages, None)
    assert text.count("Your task is to:") == 3
    intro = Engine(generate(GAME)).intro
    room = intro.split("\n\n")[1]
    ending = f"\n> think: the fridge?\nOK.\n> go to fridge 1\n{played[2][0]}\n>"
    assert text.endswith(ending)
    assert room in text
    assert "microwave" in text.split("Here is the task.")[0]
    assert agent.sampling.stop == ("\n",)
    assert agent.sampling.temperature == 0


@pytest.mark.parametrize("kind", TASK_TYPES)
def test_examples_are_games_that_the_environment_plays_as_they_say(kind: str) -> None:
    intro = Engine(generate(generated_id(kind, 1))).intro
    games = examples_for(intro, 2)
    assert len(set(games)) == 2
    for number, game in enumerate(games):
        first, *rest = game.split("\n> ")
        assert first.startswith("You are in the middle of a room.")
        assert sum(turn.startswith("think: ") for turn in rest) >= 2
        assert all(turn.endswith("\nOK.") for turn in rest if turn.startswith("think: "))
        found = [seed for seed in range(5 * 10**9, 5 * 10**9 + 60) if _begins(kind, seed, first)]
        assert found, f"example {number} is a generated game beyond the seeds of all splits"
        env = gymnasium.make(ENV, preset="react")
        env.reset(options={"task": generated_id(kind, found[0], difficulty="easy")})
        terminated = False
        for turn in rest:
            action, _, answer = turn.partition("\n")
            assert not terminated
            observation, _, terminated, _, _ = env.step(action)
            assert observation == answer
        assert terminated


def _begins(kind: str, seed: int, first: str) -> bool:
    intro = Engine(generate(generated_id(kind, seed, difficulty="easy"))).intro
    return PRESETS["react"].show(intro) == first.removesuffix("\n> ")


def test_examples_are_refused_or_found_whatever_is_asked() -> None:
    assert examples_for("no task at all", 1) == examples_for("", 2)[:1]
    assert len(list(all_examples(1))) == 6
    with pytest.raises(InvalidInputError, match="0 to 2"):
        examples_for("", 3)


@pytest.mark.parametrize("name", NAMES)
def test_experts_play_every_preset_and_scripts_read_bare_observations(name: str) -> None:
    chosen = preset(ENV, name)
    agent = chosen.agent(ALFWorldExpertPolicy(noise=0.1))
    assert agent.name == "alfworld-explorer(noise=0.1)"
    kwargs = {**chosen.env_kwargs, "difficulty": "easy"}
    done = collect(ENV, agent, episodes=5, env_kwargs=kwargs, progress=False)
    assert done.successes == 5
    assert {episode.env_kwargs["preset"] for episode in done.episodes} == {name}
    seen: list[str] = []
    script = ScriptedPolicy(lambda text: seen.append(text) or "look")  # type: ignore[func-returns-value]
    played = play(chosen.agent(script), chosen, steps=2)
    assert seen == [observation for observation, _, _ in played]


class Recorder:
    """A model that keeps what it was asked."""

    name = "recorder"

    def __init__(self, policy: Any) -> None:
        self.policy, self.tokenizer = policy, policy.tokenizer
        self.requests: list[Request] = []

    async def generate(self, request: Request) -> list[Completion]:
        self.requests.append(request)
        return list(await self.policy.generate(request))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("template", ["chatml", "llama3", "gemma", "thinking"])
def test_a_real_model_logs_exact_ids_with_every_preset(
    make_llama: Any, make_byte_tokenizer: Any, chat_templates: Any, name: str, template: str
) -> None:
    from stepgym.agents import TransformersPolicy

    text, eos, bos = chat_templates[template]
    tokenizer = make_byte_tokenizer(text, eos=eos, bos=bos)
    policy = Recorder(TransformersPolicy(make_llama(tokenizer, context=8192), tokenizer))
    chosen = preset(ENV, name)
    if name == "plain" and template == "gemma":
        chosen = replace(chosen, prompt=ChatPrompt(instructions="user"))  # its template has no system role
    agent = chosen.agent(policy, max_tokens=12, temperature=1.5, stop=("e", "\n", "a", "1"))
    rules = "plain" if name == "oreo" else name  # a random answer is no action, which would end the game
    completions = [c for _, c, _ in play(agent, replace(chosen, env_kwargs={"preset": rules}), steps=4)]
    assert len(completions) == 4
    whole: tuple[int, ...] = ()
    for completion, request in zip(completions, policy.requests, strict=True):
        before = whole
        whole = completion.prompt_token_ids if completion.new_segment else whole + completion.prompt_token_ids
        assert whole == request.prompt_token_ids
        assert completion.new_segment or whole[: len(before)] == before
        read = tokenizer.decode(whole, skip_special_tokens=False)
        if name == "react":
            read = read.replace(eos, "")  # a sampled end stays in the ids, and text has no mark for it
        assert read == agent.prompt.render(request.messages, tokenizer)
        whole += completion.token_ids
    if name == "verl-agent":
        assert all(completion.new_segment for completion in completions)
    elif name != "react":  # where it was asked to stop before the end of the line, its text goes on
        assert sum(completion.new_segment for completion in completions) < 4


def test_collect_shows_the_possible_commands_and_logs_one_segment_a_step() -> None:
    listener = Listener(["<think>x</think><action>look</action>"] * 3)
    chosen = preset(ENV, "verl-agent")
    kwargs = {**chosen.env_kwargs, "max_episode_steps": 3}
    done = collect(ENV, chosen.agent(listener), tasks=[GAME], env_kwargs=kwargs, progress=False)
    assert done.ends == {"step_limit": 1}
    assert all("'go to fridge 1'" in request.messages[0]["content"] for request in listener.requests)
    assert all(step.completion is not None and step.completion.new_segment for step in done.episodes[0].steps)
