"""Prints visiting cards: send a format such as {card.name} of {card.town}."""


class Card:
    """Somebody's card."""

    def __init__(self):
        """Make the sample card."""
        self.name, self.town = "Mira Holt", "Westhaven"


def converse(reader, writer):
    """Print cards."""
    for line in reader:
        try:
            answer = line.decode().strip().format(card=Card())
        except (LookupError, AttributeError) as error:
            answer = f"cannot print that: {error}"
        writer.write(f"{answer}\n".encode())
