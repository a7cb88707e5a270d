"""More pairs of people's own, for English and German alone.

    PYTHONPATH=training/recipes python -m tatoeba_texts FOLDER

reads FOLDER/eng-deu.{train,valid}.{eng,deu}.gz and writes FOLDER/said/NAME.{eng,deu}:
their sentences as clauses of longer ones, with infinitives and clauses about nouns and
other words before the verb, and the rare words of some in the places of others',
adjectives in all their forms. Some of it is wrong, and the lines stay what the default
model has learnt from.

Most of Tatoeba's sentences have five words or fewer. How longer ones are put together
has rules in German that need no parser where a clause begins with its subject: the verb
goes to the end ("Er ist krank." -> "dass er krank ist"), or changes places with the
subject behind another clause. And a word that was read twice is hardly known; in a
dozen other sentences, in the place of a word of its kind and gender, it may be learnt
(Fadaee et al. 2017, "Data Augmentation for Low-Resource Neural Machine Translation").
Which words belong together is counted: IBM's first model with a preference for the
diagonal, both ways, and what both say.
"""
