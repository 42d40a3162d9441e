import base64, hashlib, hmac, sys

body, mac = sys.argv[1].split(".")


def sign(word, body):
    return hmac.new(word.encode(), body.encode(), hashlib.sha256).hexdigest()


word = next(w for w in open("words.txt").read().split() if sign(w, body) == mac)
body = base64.urlsafe_b64encode(b'{"name": "me", "role": "admin"}').decode()
print(f"{body}.{sign(word, body)}")
