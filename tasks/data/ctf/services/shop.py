"""A shop. Commands: buy THING AMOUNT, balance."""

import ctypes

PRICES = {"paper": 900, "flag": 100_000}


def converse(reader, writer):
    """Serve one customer."""
    coins = ctypes.c_int32(1100)
    for line in reader:
        words = line.decode().split()
        if words[:1] == ["buy"] and len(words) == 3 and words[1] in PRICES:
            amount = int(words[2])
            total = ctypes.c_int32(PRICES[words[1]] * amount)
            if amount < 1:
                answer = "a positive amount, please"
            elif total.value > coins.value:
                answer = f"that is {total.value}, and you have {coins.value}"
            else:
                coins = ctypes.c_int32(coins.value - total.value)
                answer = f"here you are: {SECRET if words[1] == 'flag' else words[1]}"
        elif words == ["balance"]:
            answer = f"{coins.value}"
        else:
            answer = "buy paper AMOUNT, buy flag AMOUNT or balance"
        writer.write(f"{answer}\n".encode())
