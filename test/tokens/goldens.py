"""Makes metaspace.json, byteFallback.json and goldens.json beside it, with tokenizers==0.22.1:

    python test/tokens/goldens.py

The two tokenizers are trained on the texts below. What feature pages show of each token is computed here from the bytes
of each token alone, by Python's own UTF-8 decoder; `decoded` is what the library says of the whole.
"""

import json
import random
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

here = Path(__file__).parent

scripts = {
    "Latin": "Zażółć gęślą jaźń – Đặng Thị Ngọc, coöperate",
    "Greek": "Ὅλοι οἱ ἄνθρωποι γεννιοῦνται ἐλεύθεροι",
    "Cyrillic": "Съешь же ещё этих мягких французских булок",
    "Armenian": "Բոլոր մարդիկ ծնվում են ազատ",
    "Hebrew": "כָּל בְּנֵי אָדָם נוֹלְדוּ",
    "Arabic": "يُولَدُ جَمِيعُ النَّاسِ أَحْرَارًا",
    "Syriac": "ܟܠ ܒܪܢܫܐ ܒܪܝܠܗ ܚܐܪܐ",
    "Thaana": "ހުރިހާ އިންސާނުން",
    "N'Ko": "ߡߐ߱ ߓߍ߯ ߡߏߦߌߣߍ߲߫",
    "Devanagari": "सभी मनुष्यों को क्षत्रिय",
    "Bengali": "সমস্ত মানুষ স্বাধীনভাবে",
    "Gurmukhi": "ਸਾਰਾ ਮਨੁੱਖੀ ਪਰਿਵਾਰ",
    "Gujarati": "પ્રતિષ્ઠા અને અધિકારો",
    "Oriya": "ସମସ୍ତ ମନୁଷ୍ୟ",
    "Tamil": "மனிதப் பிறவியினர்",
    "Telugu": "ప్రతిపత్తిస్వత్వములు",
    "Kannada": "ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರ",
    "Malayalam": "മനുഷ്യരെല്ലാവരും",
    "Sinhala": "සියලු මනුෂ්‍යයෝ",
    "Thai": "มนุษย์ทั้งหลายเกิดมา",
    "Lao": "ມະນຸດເກີດມາມີສິດ",
    "Tibetan": "འགྲོ་བ་མིའི་རིགས་རྒྱུད",
    "Myanmar": "လူတိုင်းသည် တူညီ",
    "Georgian": "ყველა ადამიანი იბადება",
    "Hangul": "모든 인간은 태어날 때부터 한글",
    "Ethiopic": "የሰው ልጅ ሁሉ",
    "Cherokee": "ᏂᎦᏓ ᎠᏂᏴᏫ",
    "Canadian": "ᐃᓄᓕᒫᑦ ᐊᓂᖅᑎᕆᔪᑦ",
    "Ogham": "᚛ᚑᚌᚐᚋ᚜",
    "Runic": "ᛖᚴ ᚼᛚᛁᚢᛅᚴᛅᛋᛏᛁᛦ",
    "Khmer": "មនុស្សទាំងអស់",
    "Mongolian": "ᠬᠦᠮᠦᠨ ᠪᠦᠷ",
    "Hiragana": "すべての にんげんは",
    "Katakana": "スベテノ ニンゲンハ ｶﾞ",
    "Han": "人人生而自由，在尊嚴和權利上一律平等",
    "Han beyond the BMP": "𠮷野家 𪚥",
    "Bopomofo": "ㄖㄣˊ ㄖㄣˊ ㄕㄥ",
    "Yi": "ꊿꂷꃅꄿꐨ",
    "Tifinagh": "ⵉⵎⴷⴰⵏⴻⵏ ⵎⴰⵕⵕⴰ",
    "Javanese": "ꦱꦧꦼꦤ꧀ꦮꦺꦴꦁ",
    "Gothic": "𐌼𐌰𐌲 𐌲𐌻𐌴𐍃",
    "Cuneiform": "𒀭𒂗𒆤",
    "Hieroglyphs": "𓀀𓂀𓆣",
    "Adlam": "𞤋𞤲𞥆𞤢𞤥𞤢",
}

others = {
    "emoji": "😀 a🎉b 🥺",
    "skin tones": "👍🏽👩🏿‍🚀",
    "families": "👨‍👩‍👧‍👦 and 🏳️‍🌈",
    "flags": "🇫🇷🇯🇵 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "keycaps": "1️⃣#️⃣",
    "combining marks": "e\u0301 a\u0308\u0323 Z\u0351\u036b\u0343 \u0928\u093f",
    "two directions": "abc \u200fשלום\u200e 123 مرحبا\u2067x\u2069",
    "spaces": " two  three   four\u00a0\u2003\u3000\t\ttabs\r\n\n",
    "code": "def f(x):\n    return x**2  # π\n",
    "control characters": "a\u0000b\u0007\u001b[0m\u007f",
    "beginning and end of planes": "\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff",
    "byte order mark and replacement character": "\ufeffa\ufffdb",
    "looks like bytes": "\\xf0 <0x41> <0xZZ>",
    "looks like a space": "▁a▁ Ġb",
    "nothing": "",
}

texts = {**scripts, **others}


def metaspace():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.UnigramTrainer(vocab_size=900, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(list(texts.values()) * 3, trainer)
    tokenizer.add_special_tokens([AddedToken("<▁mask>", special=True)])
    return tokenizer


def byte_fallback():
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    plain = Tokenizer(models.BPE(unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    trainer = trainers.BpeTrainer(
        vocab_size=700, limit_alphabet=150, special_tokens=["<unk>", "<s>", *byte_tokens], show_progress=False
    )
    plain.train_from_iterator(texts.values(), trainer)
    state = json.loads(plain.to_str())
    merges = [tuple(pair) for pair in state["model"]["merges"]]
    tokenizer = Tokenizer(
        models.BPE(vocab=state["model"]["vocab"], merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.pre_tokenizer = plain.pre_tokenizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken("<unk>", special=True), AddedToken("<s>", special=True)])
    # As Gemma has them: not special, and written like the vocabulary.
    tokenizer.add_tokens([AddedToken("▁▁▁", normalized=False), AddedToken("\n\n", normalized=False)])
    return tokenizer


def byte_level_table():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def token_bytes(kind, tokenizer):
    table = byte_level_table()
    added = tokenizer.get_added_tokens_decoder()

    def bytes_of(index):
        token = added[index].content if index in added else tokenizer.id_to_token(index)
        if index in added and (added[index].special or kind == "ByteLevel"):
            return token.encode()
        if kind == "ByteLevel":
            return bytes(table[character] for character in token)
        if kind == "ByteFallback" and len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            return bytes([int(token[3:5], 16)])
        return token.replace("▁", " ").encode()

    return bytes_of


def shown(pieces):
    owners = [owner for owner, piece in enumerate(pieces) for _ in piece]
    result = ["" for _ in pieces]
    at = 0
    for character in b"".join(pieces).decode("utf-8", "surrogateescape"):
        code = ord(character)
        lone = 0xDC80 <= code <= 0xDCFF
        result[owners[at]] += f"\\x{code - 0xDC00:02x}" if lone else character
        at += 1 if lone else len(character.encode())
    assert at == len(owners)
    return result


def golden(kind, tokenizer):
    bytes_of = token_bytes(kind, tokenizer)
    draw = random.Random(1)
    cases = []
    for name, text in texts.items():
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        pieces = [bytes_of(index) for index in ids]
        case = {
            "name": name,
            "ids": ids,
            "tokens": shown(pieces),
            "decoded": tokenizer.decode(ids, skip_special_tokens=False),
        }
        if len(ids) > 2:
            first = draw.randrange(1, len(ids) - 1)
            end = draw.randrange(first + 1, len(ids) + 1)
            case["window"] = {"first": first, "end": end, "tokens": shown(pieces[first:end])}
        cases.append(case)
    special = [index for index, token in tokenizer.get_added_tokens_decoder().items() if token.special]
    return {
        "size": tokenizer.get_vocab_size(),
        "special": sorted(special),
        "specialTexts": [tokenizer.id_to_token(index) for index in sorted(special)],
        "cases": cases,
    }


def save(tokenizer, name):
    state = json.loads(tokenizer.to_str())
    (here / name).write_text(json.dumps(state, ensure_ascii=False, separators=(",", ":")) + "\n")
    return tokenizer


goldens = {
    "ByteLevel": golden("ByteLevel", Tokenizer.from_file(str(here / "../../examples/tokenizer.json"))),
    "Metaspace": golden("Metaspace", save(metaspace(), "metaspace.json")),
    "ByteFallback": golden("ByteFallback", save(byte_fallback(), "byteFallback.json")),
}
assert len(scripts) >= 40
(here / "goldens.json").write_text(json.dumps(goldens, ensure_ascii=True, separators=(",", ":")) + "\n")
