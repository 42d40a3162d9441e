"""Agents: a chat model, a strategy, and the loop that makes a policy of the two.

chat           the policy: asks the model what the strategy says until it gives an action
strategies/    what to say next, and what a reply means; small synchronous components
parsing        reads actions out of replies, and changes nothing in them
prompts        our prompts, in versioned files
model          one model behind an OpenAI-compatible server (extra `chat`)
completions    reads what such a server sends
connections    one pool of connections for a thousand conversations
"""
