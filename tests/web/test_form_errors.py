"""The errors of a form are returned as plain text, either in one line or in one line for each field."""

from django import forms

from cashier_web.infra.form_errors import line_per_field, one_line


class Form(forms.Form):
    name = forms.CharField(max_length=3)
    till = forms.IntegerField(error_messages={"required": "Which till?"})

    def clean(self) -> None:
        raise forms.ValidationError("These two do not fit.")


def test_one_line_contains_all_reasons() -> None:
    assert one_line(Form({"name": "x"})) == "Which till? These two do not fit."


def test_each_field_has_a_line_with_its_name() -> None:
    assert line_per_field(Form({"name": "x"})) == ["till: Which till?", "These two do not fit."]
