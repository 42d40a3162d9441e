import json

a = json.load(open("automaton.json"))
back = {}
for source, letter, target in a["edges"]:
    back.setdefault(target, []).append((source, letter))
todo, seen = [(a["accept"], "")], set()
while todo:
    state, word = todo.pop(0)
    if state == a["start"]:
        print(word)
        break
    for source, letter in back.get(state, []):
        if source not in seen:
            seen.add(source)
            todo.append((source, letter + word))
