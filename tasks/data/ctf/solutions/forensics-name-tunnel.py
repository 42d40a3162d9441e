import re

data = open("capture.pcap", "rb").read()
found = dict(re.findall(rb"[\x05-\x09](\d\d)-([0-9a-f]+)\x04sync\x07example", data))
print(b"".join(bytes.fromhex(found[n].decode()) for n in sorted(found)).decode())
