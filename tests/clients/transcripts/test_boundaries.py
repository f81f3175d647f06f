"""A task is a request with its follow-ups, until another begins; in whatever language."""

from datetime import timedelta

import pytest
from clients.transcripts.sessions import START

from mcp_learning.clients.transcripts.events import (
    Action,
    Interrupt,
    Prompt,
    Reply,
    ServiceError,
    ToolCall,
    Trouble,
)
from mcp_learning.clients.transcripts.sessions import Session

ASKED = "Fix the drip of the spout after pouring"
DONE = "The edge of the spout was blunt, so I sharpened it and tried ten cups without a drip."


def prompt(text: str, seconds: float = 60, *, is_answer: bool = False) -> Prompt:
    at, name = START + timedelta(seconds=seconds), f"at {seconds}"
    return Prompt(at=at, text=text, where="line 9", name=name, is_answer=is_answer)


def after(*events: object) -> Session:
    """A session with a task of which this happened."""
    session = Session("claude-code")
    session.add(prompt(ASKED, 0))
    for event in events:
        session.add(event)  # type: ignore[arg-type]
    return session


def begins(said: Prompt, *events: object) -> bool:
    session = after(*events)
    session.add(said)
    return len(session.tasks) == 2


DID = (
    ToolCall(at=START, tool="Edit", action=Action.EDIT, files=("spout.py",), failed=False),
    Reply(at=START, text=DONE),
)
COMMIT = ToolCall(
    at=START,
    tool="Bash",
    action=Action.RUN,
    command="git commit -am x",
    failed=False,
    output="[main 1a2b3c4] fix: drip\n 1 file changed",
)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "yes",
            "ok, go on",
            "Commit",
            "thanks!",
            "2",
            "👍",
            "weiter bitte",
            "oui, merci",
            "sí, dale",
        ),
        *("да, продолжай", "继续", "好的。继续", "はい、お願いします", "네, 진행해줘"),
        *("but it still drips", "are you sure?", "that broke the lid", "hmm, I see a crack"),
        *("aber es tropft immer noch", "mais ça goutte", "pero no funciona", "но не работает"),
        *("还是不行", "不对。壶盖坏了", "まだ漏れています", "아직 안 돼"),
        *("dank je wel", "tak, kontynuuj", "teşekkürler", "так, продовжуй", "cảm ơn bạn"),
        *("terima kasih", "شكراً جزيلا", "большое спасибо", "muchas gracias", "thank you so much"),
        *("maar het lekt", "ale nadal cieknie", "ama kapak bozuk", "але досі тече"),
        *("nhưng vẫn bị lỗi", "tapi masih bocor", "لكن الغطاء مكسور"),
        *("not working", "werkt niet", "не працює", "動かない"),
        *("Instead of the edge, bend the neck", "the lid should stay as it was"),
        *("spout.py:12: error: unexpected drip", "alongside", "address 8 and 12"),
        ASKED,
    ],
)
def test_answers_complaints_refinements_and_repeats_go_on_with_the_task(text: str) -> None:
    assert not begins(prompt(text), *DID)


@pytest.mark.parametrize(
    "text",
    [
        *("fix lint", "Implement the plan.", "Implement phase 2", "/init"),
        *("Next, paint the handle blue", "Thanks! Please update the changelog"),
        "Write documentation for customers about cleaning, storing and repairing every kettle",
        "给水壶添加一个新的蓝色盖子并编写清洁说明文档",
        "蓋の色を青に変更して、取扱説明書の手入れの章も書き直してください",
        "손잡이를 파란색으로 칠하고 세척 설명서를 처음부터 새로 작성해줘",
        "Schreibe eine Anleitung über Reinigung, Lagerung und Reparatur unserer Kannendeckel",
        "Добавь автоматические тесты для новой крышки чайника и опиши порядок проверки",
        "Voeg geautomatiseerde tests toe voor het nieuwe deksel en beschrijf daarna iedere stap",
        "Zmień kolor uchwytu na niebieski i przygotuj dokumentację techniczną czajnika",
        "Kapağın rengini maviye çevir, ardından kullanım kılavuzunu baştan sona güncelle",
        "Зміни колір ручки на синій і підготуй докладну інструкцію щодо миття чайника",
        "Thêm kiểm thử tự động cho chiếc nắp mới, viết hướng dẫn chăm sóc tay cầm",
        "Ubah warna gagang menjadi biru, lalu tulis petunjuk perawatan untuk pelanggan baru",
        "أضف اختبارات تلقائية للغطاء الجديد واكتب دليل التنظيف والصيانة للعملاء",
    ],
)
def test_a_request_of_its_own_begins_a_task(text: str) -> None:
    assert begins(prompt(text), *DID)


@pytest.mark.parametrize(
    ("about_the_same", "about_another_matter"),
    [
        (
            "Where did you sharpen the edge?",
            "Where does the billing service configure retries of its payment gateway?",
        ),
        ("在哪里修壶嘴的？", "计费服务在哪里配置支付网关的重试次数和超时时间？"),
    ],
)
def test_many_words_that_the_task_did_not_have_begin_another(
    about_the_same: str, about_another_matter: str
) -> None:
    assert not begins(prompt(about_the_same), *DID)
    assert begins(prompt(about_another_matter), *DID)


def test_output_that_the_user_pastes_goes_on_with_the_task() -> None:
    for output in (
        "--- FAIL: TestPour (3.40s)",
        "=== RUN TestPour",
        "+ edge = sharpen(blade)",
        "ERROR: No matching distribution found for teapot==1.0",
        'File "C:\\teapot\\spout.py", line 394, in pour',
    ):
        assert not begins(prompt(f"{output}\n" + "unforeseen droplets everywhere " * 30), *DID)


@pytest.mark.parametrize("shown", ["PS C:\\Users\\me\\teapot> ", "C:\\teapot>", "user@pot:~$ "])
def test_a_command_that_the_user_ran_goes_on_with_the_task(shown: str) -> None:
    printed = "docker compose ps\nNAME  IMAGE  STATUS\nkettle  boiler:latest  restarting, unhealthy"
    assert not begins(prompt(f"{shown}{printed}"), *DID)


def test_an_answer_to_a_question_of_the_agent_goes_on() -> None:
    offer = Reply(at=START, text="The edge is blunt. Want me to sharpen it, or to bend the neck?")
    assert not begins(prompt("Bend the neck by ten degrees"), offer)
    other = "Bend the neck by some degrees, paint the handle and polish the whole old kettle"
    assert not begins(prompt(other), offer)
    assert begins(prompt(other), *DID)
    assert not begins(prompt("Use the blue one", 60, is_answer=True), *DID)


def test_a_conversation_in_which_nothing_is_done_goes_on_unless_the_words_say_otherwise() -> None:
    said = Reply(at=START, text=DONE)
    assert not begins(prompt("Bend the neck by ten degrees"), said)
    assert begins(prompt("New topic: bend the neck by ten degrees"), said)


def test_what_follows_a_stop_or_an_error_of_the_service_goes_on() -> None:
    stopped = Interrupt(at=START)
    limit = ServiceError(at=START, text="limit", trouble=Trouble.LIMIT)
    for event in (stopped, limit):
        assert not begins(prompt("Bend the neck by ten degrees"), event)


def test_after_a_commit_a_remark_begins_a_task_and_a_go_ahead_does_not() -> None:
    remark = prompt("why does the kettle have an enamel handle now?")
    assert not begins(remark, *DID)
    assert begins(remark, *DID, COMMIT)
    assert not begins(prompt("push"), *DID, COMMIT)


def test_a_command_of_the_client_begins_a_task_but_for_one_that_is_repeated() -> None:
    session = after(*DID)
    session.add(prompt("/review the lid", 60))
    session.add(Interrupt(at=START))
    session.add(prompt("/review the lid", 90))
    assert [task.first.name for task in session.tasks] == ["at 0", "at 60"]
