"""A plugin through the packed form and back."""

import unittest

from sluicebox_plugin import (
    DROP,
    KEEP,
    ConfigError,
    Emit,
    FatalError,
    Fields,
    Plugin,
    Record,
    Reject,
    Retry,
    RetryBatch,
    Stage,
    Verdict,
    count,
)
from sluicebox_plugin.metrics import counted
from sluicebox_plugin.record import Source
from sluicebox_plugin.testing import Message, start


class Say(Plugin):
    """Says what the test wants said."""

    needs = Fields.ALL
    answers: list[object] = []

    def process(self, record: Record) -> Verdict:
        answer = self.answers[int(record.value or b"0")]
        if isinstance(answer, BaseException):
            raise answer
        return answer(record) if callable(answer) else answer


def say(*answers: object) -> list[Verdict]:
    Say.answers = list(answers)
    return start(Say, outputs=["default", "audit"]).run_batch([Message(str(at), key="k") for at in range(len(answers))])


class Verdicts(unittest.TestCase):
    def test_what_is_said_is_what_the_host_reads(self) -> None:
        verdicts: list[Verdict] = [
            KEEP,
            DROP,
            Emit(),
            Emit(value=b"v", key=b"k", headers=[("a", b"1"), ("a", None), ("", b"")], timestamp=-5, to="audit"),
            Emit(value=None, key=None, headers=[]),
            Emit(value=b"", key=b""),
            Reject("no: é"),
            Retry("later"),
            [Emit(value=b"1"), Emit(value=b"2", to="audit")],
            [],
            KEEP,
        ]
        self.assertEqual(say(*verdicts), verdicts)

    def test_text_and_buffers_are_written_as_bytes(self) -> None:
        emit = Emit(value="é", key=bytearray(b"k"), headers=[("n", memoryview(b"v"))])
        self.assertEqual(say(emit), [emit])
        self.assertEqual(say(emit), [Emit(value="é".encode(), key=b"k", headers=[("n", b"v")])])

    def test_a_buffer_may_be_used_again(self) -> None:
        buffer = bytearray(b"a")

        def answer(record: Record) -> Verdict:
            buffer[0] += 1
            return Emit(value=buffer)

        self.assertEqual(say(answer, answer), [Emit(value=b"b"), Emit(value=b"c")])

    def test_what_is_no_verdict_rejects_its_record(self) -> None:
        for wrong, reason in [
            (None, "process returned None, which is no verdict"),
            (Emit(value=5), "value is 5, expected bytes, text or None"),
            ([Emit(), KEEP], "process returned a list with KEEP, which is no Emit"),
        ]:
            before, verdict, after = say(Emit(value=b"a"), wrong, Emit(value=b"b"))
            self.assertTrue(verdict.reason.startswith(f"TypeError: {reason}"), verdict)
            self.assertEqual([before, after], [Emit(value=b"a"), Emit(value=b"b")])

    def test_an_exception_rejects_its_record_with_text_and_place(self) -> None:
        def helper() -> None:
            raise ValueError("boom")

        def answer(record: Record) -> Verdict:
            helper()
            return KEEP

        before, verdict, after = say(KEEP, answer, DROP)
        lines = verdict.reason.split("\n")
        self.assertEqual(lines[0], "ValueError: boom")
        self.assertRegex(lines[1], r'^  at .*helper \(test_plugin.py:\d+\): raise ValueError\("boom"\)$')
        self.assertRegex(lines[3], r"^  at Say.process ")
        self.assertEqual((before, after, len(lines)), (KEEP, DROP, 4))

    def test_a_reason_is_cut_on_a_character_boundary(self) -> None:
        (verdict,) = say(ValueError("é" * 900))
        self.assertEqual(verdict.reason, "ValueError: " + "é" * 494)
        (verdict,) = say(ValueError("xé" + "é" * 900))
        self.assertEqual(len(verdict.reason.encode()), 999)

    def test_a_recursion_is_told_once(self) -> None:
        def deeper(record: Record) -> Verdict:
            return deeper(record)

        (verdict,) = say(deeper)
        self.assertLess(len(verdict.reason.split("\n")), 6)

    def test_leaving_the_program_rejects_the_record(self) -> None:
        (verdict,) = say(SystemExit(3))
        self.assertTrue(verdict.reason.startswith("SystemExit: 3\n"))

    def test_a_failure_fails_the_batch(self) -> None:
        for failure in (RetryBatch("away"), FatalError("over"), MemoryError()):
            with self.assertRaises(type(failure)):
                say(KEEP, failure)


class Records(unittest.TestCase):
    def read(self, message: Message, needs: Fields = Fields.ALL) -> dict[str, object]:
        read: dict[str, object] = {}

        class Read(Plugin):
            def __init__(self) -> None:
                self.needs = needs

            def process(self, record: Record) -> Verdict:
                for name in ("key", "value", "headers", "timestamp", "source"):
                    read[name] = getattr(record, name)
                read["a"] = record.header("a")
                return KEEP

        start(Read).run(message)
        return read

    def test_every_field_is_read(self) -> None:
        headers = [("a", b"1"), ("b", None), ("a", b"2"), ("é", b"")]
        message = Message(b"v", b"", headers, 7, Source("in", 3, 2**40))
        fields = {"key": b"", "value": b"v", "headers": headers, "timestamp": 7, "source": ("in", 3, 2**40), "a": b"2"}
        self.assertEqual(self.read(message), fields)

    def test_null_is_none(self) -> None:
        fields = {"key": None, "value": None, "headers": [], "timestamp": None, "source": ("test", 0, 0), "a": None}
        self.assertEqual(self.read(Message()), fields)

    def test_what_is_not_asked_for_does_not_arrive(self) -> None:
        message = Message(b"v", b"k", [("a", b"1")], 7)
        fields = {"key": None, "value": b"v", "headers": [], "timestamp": None, "source": None, "a": None}
        self.assertEqual(self.read(message, Fields.VALUE), fields)


class Starting(unittest.TestCase):
    def test_a_plugin_without_configuration_takes_none(self) -> None:
        self.assertEqual(start(Say, {}).run_batch([]), [])
        with self.assertRaisesRegex(ConfigError, "^config.a: unknown key, expected none$"):
            start(Say, {"a": 1})

    def test_the_arguments_are_known_by_name(self) -> None:
        class Named(Say):
            def __init__(self, stage: Stage) -> None:
                self.stage = stage

        class Misnamed(Say):
            def __init__(self, cfg: dict[str, int]) -> None:
                pass

        start(Named)
        with self.assertRaisesRegex(TypeError, "Misnamed.__init__ takes 'cfg': name its arguments config and stage"):
            start(Misnamed)

    def test_needs_has_to_be_said(self) -> None:
        class Silent(Plugin):
            def process(self, record: Record) -> Verdict:
                return KEEP

        with self.assertRaisesRegex(TypeError, "Silent.needs is None, expected Fields, like needs = Fields.VALUE"):
            start(Silent)

    def test_an_output_is_checked(self) -> None:
        stage = Stage("s", ["default", "audit"])
        stage.check_output("audit")
        for name, hint in [("audti", "did you mean `audit`? "), ("eu", "")]:
            with self.assertRaises(ConfigError) as caught:
                stage.check_output(name)
            text = f"the pipeline has no output `{name}`; {hint}its outputs are: default, audit"
            self.assertEqual(str(caught.exception), text)

    def test_counters_add_up(self) -> None:
        count("apples", 3)
        count("apples")
        self.assertEqual(counted["apples"], 4)


if __name__ == "__main__":
    unittest.main()
