"""Prints the golden values of `zoo/src/random.rs`: seeds, names and draws of random weights, without any of its code.

The stream is ChaCha with 8 rounds, a 64-bit counter and no nonce (D. J. Bernstein's original layout, checked against a test
vector below), under SHA-256 of the seed and the weight's name as the key. Needs only Python's standard library.
"""
import hashlib
import struct


def quarter_round(state, a, b, c, d):
    for first, second, third, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[first] = (state[first] + state[second]) & 0xFFFFFFFF
        mixed = state[third] ^ state[first]
        state[third] = ((mixed << turn) | (mixed >> (32 - turn))) & 0xFFFFFFFF


def block(key, counter, rounds=8):
    start = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key))
    start += [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    state = list(start)
    for _ in range(rounds // 2):
        for column in range(4):
            quarter_round(state, column, column + 4, column + 8, column + 12)
        for diagonal in range(4):
            quarter_round(state, diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4)
    return struct.pack("<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(state, start)))


def words(seed, name, count):
    key = hashlib.sha256(struct.pack("<Q", seed) + name.encode()).digest()
    stream = b"".join(block(key, number) for number in range((count * 8 + 63) // 64))
    return struct.unpack(f"<{count}Q", stream[: count * 8])


def normal(word):
    total = sum(word >> shift & 0xFFFF for shift in (0, 16, 32, 48))
    return (total - 2 * 65535) / (4 * (65536**2 - 1) / 12) ** 0.5


# The keystream of the zero key with 20 rounds starts like this: draft-strombergson-chacha-test-vectors-01, TC1.
assert block(bytes(32), 0, rounds=20)[:8].hex() == "76b8e0ada0f13d90"

for seed, name in ((0, "embeddings.word_embeddings.weight"), (7, "stem.conv.weight")):
    drawn = words(seed, name, 2000)
    print(seed, name, [round(normal(word), 6) for word in (*drawn[:3], drawn[-1])])
