"""How a chunk of each kind of study is drawn and measured."""
