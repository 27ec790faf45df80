"""The words of decks and of the pictures on them, by language: all that is not the author's own code and names.

A language is one more column of `WORDS`: every key that `en` has, with the same fields in braces. What is counted has a
form for each number that the language tells apart, with `|` between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from render import text
from render.errors import wrong_choice

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "step": "step {number} of {total}",
        "line": "line {line}",
        "makes": "{line} makes {names}",
        "runs": "{line} runs {operations}",
        "comes": "{names} from outside",
        "operation": "{operation} makes {names}",
        "module": "module {module}",
        "turn": "turn {turn}",
        "again": "{turns}: the same lines again",
        "carried": "each turn hands {name} on to the next",
        "start": "backward begins at {name}",
        "backward": "backward through {operation}",
        "backward module": "backward through module {module}",
        "update": "the weights are updated",
        "arrives": "{gradient} arrives at {name}",
        "leaves": "{gradient} goes on to {name}",
        "adds": "a part of {gradient} goes on to {name}",
        "updated": "updated by their gradients: {names}",
        "equals": "autograd finds the same",
        "equals all": "checked with autograd: {count} of {count} equal",
        "differs": "autograd finds something else",
        "whole": "the whole graph",
        "no backward": "The program runs no backward: forward steps only.",
        "small": "Some text is smaller than {points} pt: draw less with --level module or --depth N.",
        "unkept": "Tensors of over {kept} elements are not checked: record with elements={worth}.",
        "no loop": "There is no loop here: steps go line by line.",
        "a value": "value",
        "a gradient": "gradient",
        "a value in backward": "value in backward",
        "norm": "norm of the gradient",
        "operations": "{count} operation|{count} operations",
        "params": "{count} param|{count} params",
        "params each": "{count} param each|{count} params each",
        "alike": "{count} alike",
        "more": "… {count} more",
        "loop": "loop",
        "loop at": "loop at {place}",
        "first without": "the first without {lines}",
        "last without": "the last without {lines}",
        "first without many": "the first without {count} operation|the first without {count} operations",
        "last without many": "the last without {count} operation|the last without {count} operations",
        "call": "call {number}",
        "output": "output",
        "scalar": "scalar",
        "kept": "kept {bytes}",
        "kept with": "kept with {name}",
        "another": "another",
        "derivative": "∂f gradient through f",
        "function": "{function} sends gradients back through {operation}",
        "collects": "AccumulateGrad adds to the .grad of a parameter",
        "failed": "failed",
        "by gradient": "|grad| norm of the gradient",
        "by activation": "rms size of the elements (root mean square)",
        "by time": "time that operations took",
        "by flops": "floating-point operations",
        "by memory": "bytes of tensors",
        "by dtype": "type of the elements",
        "by device": "device",
        "forward pass": "forward pass",
        "no gradient": "no gradient",
        "exactly 0": "exactly 0",
        "nan or inf": "nan or inf",
        "code": "code",
        "notes": "speaker's notes",
        "next": "next step",
        "previous": "previous step",
        "ends": "first and last step",
        "full screen": "full screen",
        "help": "keys",
        "no script": "The steps of this deck need JavaScript; this is the whole graph.",
    },
    "ru": {
        "step": "шаг {number} из {total}",
        "line": "строка {line}",
        "makes": "{line} создаёт {names}",
        "runs": "{line} выполняет {operations}",
        "comes": "{names} приходит извне",
        "operation": "{operation} создаёт {names}",
        "module": "модуль {module}",
        "turn": "итерация {turn}",
        "again": "{turns}: снова те же строки",
        "carried": "каждый виток передаёт {name} следующему",
        "start": "обратный проход начинается с {name}",
        "backward": "обратный проход через {operation}",
        "backward module": "обратный проход через модуль {module}",
        "update": "веса обновляются",
        "arrives": "в {name} приходит {gradient}",
        "leaves": "в {name} уходит {gradient}",
        "adds": "в {name} уходит слагаемое (всего {gradient})",
        "updated": "обновлены по своим градиентам: {names}",
        "equals": "autograd даёт то же самое",
        "equals all": "сверено с autograd: совпало {count} из {count}",
        "differs": "autograd даёт другое значение",
        "whole": "граф целиком",
        "no backward": "Обратного прохода в программе нет: только прямые шаги.",
        "small": "Часть текста мельче {points} пт: покажите меньше с --level module или --depth N.",
        "unkept": "Числа тензоров, где больше {kept} элементов, не записаны: для сверки запишите с elements={worth}.",
        "no loop": "Цикла здесь нет: шаги идут по строкам.",
        "a value": "значение",
        "a gradient": "градиент",
        "a value in backward": "значение на обратном проходе",
        "norm": "норма градиента",
        "operations": "{count} операция|{count} операции|{count} операций",
        "params": "{count} параметр|{count} параметра|{count} параметров",
        "params each": "по {count} параметру|по {count} параметра|по {count} параметров",
        "alike": "{count} одинаковый|{count} одинаковых|{count} одинаковых",
        "more": "… ещё {count}",
        "loop": "цикл",
        "loop at": "цикл в {place}",
        "first without": "в первый раз без {lines}",
        "last without": "в последний раз без {lines}",
        "first without many": "в первый раз операций не было: {count}",
        "last without many": "в последний раз операций не было: {count}",
        "call": "вызов {number}",
        "output": "выход",
        "scalar": "скаляр",
        "kept": "хранит {bytes}",
        "kept with": "хранится с {name}",
        "another": "другим",
        "derivative": "∂f градиент через f",
        "function": "{function} передаёт градиент назад через {operation}",
        "collects": "AccumulateGrad прибавляет к .grad параметра",
        "failed": "ошибка",
        "by gradient": "|grad| норма градиента",
        "by activation": "rms величина элементов (среднеквадратичная)",
        "by time": "время операций",
        "by flops": "операции с плавающей точкой",
        "by memory": "память тензоров",
        "by dtype": "тип элементов",
        "by device": "устройство",
        "forward pass": "прямой проход",
        "no gradient": "нет градиента",
        "exactly 0": "ровно 0",
        "nan or inf": "nan или inf",
        "code": "код",
        "notes": "заметки докладчика",
        "next": "следующий шаг",
        "previous": "предыдущий шаг",
        "ends": "первый и последний шаг",
        "full screen": "во весь экран",
        "help": "клавиши",
        "no script": "Для шагов нужен JavaScript; здесь граф целиком.",
    },
}


def _slavic(number: int) -> int:
    """One (1, 21, ...), few (2 to 4, 22 to 24, ...) or many."""
    if number % 10 == 1 and number % 100 != 11:
        return 0
    return 1 if 2 <= number % 10 <= 4 and not 12 <= number % 100 <= 14 else 2


_THOUSANDS: Final = {"en": ",", "ru": "\u00a0"}  # between thousands; a comma begins a fraction in Russian
_PLURALS: Final[Mapping[str, Callable[[int], int]]] = {"en": lambda number: int(number != 1), "ru": _slavic}


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language.

    Attributes:
        lang: Its two-letter code (ISO 639-1).
    """

    lang: str

    def __call__(self, key: str, **fields: object) -> str:
        """The words for `key`, with its fields filled in (what fills them is never a pattern itself)."""
        return WORDS[self.lang][key].format(**fields)

    def counted(self, key: str, number: int, told: str = "") -> str:
        """The words for `key` in the form that a number asks for (Unicode's plural rules, CLDR).

        Args:
            key: Of words with a form for each kind of number.
            number: How many.
            told: The number as it is written; by default all its digits, in the manner of the language.
        """
        forms = WORDS[self.lang][key].split("|")
        form = forms[min(_PLURALS[self.lang](number), len(forms) - 1)]
        return form.format(count=told or text.count(number).replace(",", _THOUSANDS[self.lang]))


def words(lang: str) -> Words:
    """The words of a language.

    Args:
        lang: `en` or `ru`.

    Raises:
        RenderError: There is no such language; the message lists those there are.
    """
    if lang not in WORDS:
        raise wrong_choice("language", lang, WORDS)
    return Words(lang)
