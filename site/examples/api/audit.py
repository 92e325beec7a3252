"""Whom of 400 was the forest trained on?"""

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from attacks import audit

x, y = load_digits(return_X_y=True)
x_in, x_out, y_in, y_out = train_test_split(x, y, train_size=200, test_size=200, random_state=0)
model = RandomForestClassifier(random_state=0).fit(x_in, y_in)
result = audit.run(model=model, members=(x_in, y_in), non_members=(x_out, y_out))
print(result)
